"""The dimensions of TPC-DS: seventeen tables as columns. `generate.py` writes them."""

import numpy as np
import pyarrow as pa

import words

# Day number of 1970-01-01 in the keys of date_dim, which are Julian days.
JULIAN = 2_440_588


def day(text):
    return int(np.datetime64(text, "D").astype(int))


FIRST_DAY, LAST_DAY, TODAY = day("1900-01-02"), day("2100-01-01"), day("2003-01-08")


def sizes(scale_factor):
    """Rows of the dimensions; small scales keep enough of each for the queries' conditions."""
    at_least = lambda rows, least: max(int(rows * scale_factor), least)  # noqa: E731
    return {
        "customer": at_least(100_000, 500), "customer_address": at_least(50_000, 1_000), "item": at_least(18_000, 600),
        "customer_demographics": min(at_least(1_920_800, 39_200), 1_920_800), "household_demographics": 7_200,
        "promotion": at_least(300, 60), "store": at_least(12, 12), "warehouse": at_least(5, 5), "web_page": at_least(60, 40),
        "web_site": at_least(30, 12), "call_center": at_least(6, 6), "catalog_page": at_least(11_718, 400), "reason": 35,
    }


def tables(random, rows):
    """Pairs of a table's name and its columns."""
    yield "date_dim", date_dim()
    yield "time_dim", time_dim()
    yield "income_band", income_band()
    yield "household_demographics", household_demographics()
    yield "customer_demographics", customer_demographics(rows["customer_demographics"])
    yield "customer_address", customer_address(random, rows["customer_address"])
    yield "customer", customer(random, rows)
    yield "item", item(random, rows["item"])
    yield "promotion", promotion(random, rows)
    yield "reason", reason(rows["reason"])
    yield "ship_mode", ship_mode(random)
    yield "warehouse", warehouse(random, rows["warehouse"])
    yield "store", store(random, rows["store"])
    yield "call_center", call_center(random, rows["call_center"])
    yield "catalog_page", catalog_page(random, rows["catalog_page"])
    yield "web_site", web_site(random, rows["web_site"])
    yield "web_page", web_page(random, rows)


def ints(values, nulls=None):
    return pa.array(np.asarray(values), pa.int32(), mask=nulls)


def decimal(values, precision, scale):
    """Whole numbers of the last digit as a decimal."""
    values = np.asarray(values).astype("<i8")
    halves = np.stack([values, values >> 63], axis=1).astype("<i8")  # 128 bits, the low half first
    return pa.Array.from_buffers(pa.decimal128(precision, scale), len(values), [None, pa.py_buffer(halves.tobytes())])


def money(cents):
    return decimal(cents, 7, 2)


def dates(numbers, nulls=None):
    return pa.array(np.asarray(numbers).astype(np.int32), mask=nulls).cast(pa.date32())


def at(values, index):
    """The words at some places of a list."""
    index = np.asarray(index)
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(values, pa.string())).cast(pa.string())


def pick(random, values, rows, nulls=None):
    index = pa.array(random.integers(0, len(values), rows, dtype=np.int32), mask=nulls)
    return pa.DictionaryArray.from_arrays(index, pa.array(values, pa.string())).cast(pa.string())


def ids(keys):
    """The 16 letters of a business key."""
    letters = np.array(list("ABCDEFGHIJKLMNOP"))
    return pa.array(["".join(letters[[(int(one) >> (4 * place)) & 15 for place in range(8)]]).rjust(16, "A") for one in keys])


def sentences(random, rows, length):
    pool = [" ".join(random.choice(words.WORDS, length)) for _ in range(min(rows, 2_000))]
    return pick(random, pool, rows)


def versions(keys):
    """Business key, begin and end of rows of which some are the older and the newer version of one thing."""
    pair = (keys - 1) // 2
    double = pair % 2 == 0
    older, newer = double & (keys % 2 == 1), double & (keys % 2 == 0)
    business = np.where(newer, keys - 1, keys)
    begin = np.where(newer, day("2000-10-27"), day("1997-10-27"))
    return ids(business), dates(begin), dates(np.full(len(keys), day("2000-10-26")), ~older)


def street(random, rows, prefix, place=None):
    """The address columns of a table; the place is a row of PLACES."""
    places = random.integers(0, len(words.PLACES), rows) if place is None else place
    column = lambda number: at([one[number] for one in words.PLACES], places)  # noqa: E731
    return {
        f"{prefix}_street_number": pa.array([str(one) for one in random.integers(1, 1_000, rows)]),
        f"{prefix}_street_name": pa.array([f"{a} {b}" for a, b in random.choice(words.STREETS, (rows, 2))]),
        f"{prefix}_street_type": pick(random, words.STREET_TYPES, rows),
        f"{prefix}_suite_number": pa.array([f"Suite {one}" for one in random.integers(0, 50, rows) * 10]),
        f"{prefix}_city": pick(random, words.CITIES, rows), f"{prefix}_county": column(0), f"{prefix}_state": column(1),
        f"{prefix}_zip": pick(random, words.ZIPS, rows), f"{prefix}_country": pa.array(["United States"] * rows),
        f"{prefix}_gmt_offset": decimal(np.array([one[2] for one in words.PLACES])[places] * 100, 5, 2),
    }


def date_dim():
    days = np.arange(FIRST_DAY, LAST_DAY + 1)
    stamps = days.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    year = stamps.astype("datetime64[Y]").astype(int) + 1970
    month = months.astype(int) % 12 + 1
    dom = (stamps - months).astype(int) + 1
    dow = (days + 4) % 7  # Sunday is 0
    quarter = (month - 1) // 3 + 1
    first_dom = months.astype("datetime64[D]").astype(int)
    last_dom = (months + 1).astype("datetime64[D]").astype(int) - 1
    month_seq, quarter_seq = (year - 1900) * 12 + month - 1, (year - 1900) * 4 + quarter
    week_seq = (days - FIRST_DAY + 1) // 7 + 1
    holiday = ((month == 12) & (dom == 25)) | ((month == 1) & (dom == 1)) | ((month == 7) & (dom == 4))
    flag = lambda values: at(["N", "Y"], values.astype(int))  # noqa: E731
    current_year, current_month = year == 2003, (year == 2003) & (month == 1)
    return {
        "d_date_sk": ints(days + JULIAN), "d_date_id": ids(days + JULIAN), "d_date": dates(days), "d_month_seq": ints(month_seq),
        "d_week_seq": ints(week_seq), "d_quarter_seq": ints(quarter_seq), "d_year": ints(year), "d_dow": ints(dow),
        "d_moy": ints(month), "d_dom": ints(dom), "d_qoy": ints(quarter), "d_fy_year": ints(year),
        "d_fy_quarter_seq": ints(quarter_seq), "d_fy_week_seq": ints(week_seq), "d_day_name": at(words.DAYS, dow),
        "d_quarter_name": pa.array([f"{y}Q{q}" for y, q in zip(year, quarter)]), "d_holiday": flag(holiday),
        "d_weekend": flag((dow == 0) | (dow == 6)), "d_following_holiday": flag(np.roll(holiday, 1)),
        "d_first_dom": ints(first_dom + JULIAN), "d_last_dom": ints(last_dom + JULIAN), "d_same_day_ly": ints(days - 365 + JULIAN),
        "d_same_day_lq": ints(days - 91 + JULIAN), "d_current_day": flag(days == TODAY),
        "d_current_week": flag((days >= TODAY - 3) & (days <= TODAY + 3)), "d_current_month": flag(current_month),
        "d_current_quarter": flag(current_year & (quarter == 1)), "d_current_year": flag(current_year),
    }


def time_dim():
    time = np.arange(86_400)
    hour = time // 3600
    meal = np.select([(hour >= 6) & (hour < 9), (hour >= 11) & (hour < 14), (hour >= 17) & (hour < 21)], [0, 1, 2], 3)
    meals = pa.DictionaryArray.from_arrays(pa.array(meal.astype(np.int32), mask=meal == 3), pa.array(["breakfast", "lunch", "dinner"]))
    return {
        "t_time_sk": ints(time), "t_time_id": ids(time), "t_time": ints(time), "t_hour": ints(hour), "t_minute": ints(time // 60 % 60),
        "t_second": ints(time % 60), "t_am_pm": at(["AM", "PM"], hour // 12), "t_shift": at(["third", "first", "second"], hour // 8),
        "t_sub_shift": at(["night", "morning", "afternoon", "evening"], hour // 6), "t_meal_time": meals.cast(pa.string()),
    }


def income_band():
    number = np.arange(20)
    return {
        "ib_income_band_sk": ints(number + 1), "ib_lower_bound": ints(np.where(number == 0, 0, number * 10_000 + 1)),
        "ib_upper_bound": ints((number + 1) * 10_000),
    }


def household_demographics():
    number = np.arange(7_200)
    return {
        "hd_demo_sk": ints(number + 1), "hd_income_band_sk": ints(number % 20 + 1),
        "hd_buy_potential": at(words.POTENTIALS, number // 20 % 6), "hd_dep_count": ints(number // 120 % 10),
        "hd_vehicle_count": ints(number // 1_200 % 6 - 1),
    }


def customer_demographics(rows):
    number = np.arange(rows)
    return {
        "cd_demo_sk": ints(number + 1), "cd_gender": at(["M", "F"], number % 2), "cd_marital_status": at(list("MSDWU"), number // 2 % 5),
        "cd_education_status": at(words.EDUCATIONS, number // 10 % 7), "cd_purchase_estimate": ints((number // 70 % 20 + 1) * 500),
        "cd_credit_rating": at(words.RATINGS, number // 1_400 % 4), "cd_dep_count": ints(number // 5_600 % 7),
        "cd_dep_employed_count": ints(number // 39_200 % 7), "cd_dep_college_count": ints(number // 274_400 % 7),
    }


def customer_address(random, rows):
    keys = np.arange(1, rows + 1)
    return {
        "ca_address_sk": ints(keys), "ca_address_id": ids(keys), **street(random, rows, "ca"),
        "ca_location_type": pick(random, ["apartment", "condo", "single family"], rows),
    }


def customer(random, sizes):
    rows = sizes["customer"]
    keys = np.arange(1, rows + 1)
    few = lambda: random.integers(0, 100, rows) < 3  # noqa: E731
    of = lambda table: ints(random.integers(1, sizes[table] + 1, rows), few())  # noqa: E731
    first_sale = random.integers(day("1998-01-02"), day("2002-12-31"), rows)
    first, last = random.integers(0, len(words.FIRST_NAMES), rows), random.integers(0, len(words.LAST_NAMES), rows)
    mail = [f"{words.FIRST_NAMES[a]}.{words.LAST_NAMES[b]}@{words.WORDS[(a * b) % 40]}.org" for a, b in zip(first, last)]
    return {
        "c_customer_sk": ints(keys), "c_customer_id": ids(keys), "c_current_cdemo_sk": of("customer_demographics"),
        "c_current_hdemo_sk": of("household_demographics"), "c_current_addr_sk": ints(random.integers(1, sizes["customer_address"] + 1, rows)),
        "c_first_shipto_date_sk": ints(first_sale + 30 + JULIAN, few()), "c_first_sales_date_sk": ints(first_sale + JULIAN, few()),
        "c_salutation": pick(random, words.SALUTATIONS, rows, few()), "c_first_name": at(words.FIRST_NAMES, first),
        "c_last_name": at(words.LAST_NAMES, last), "c_preferred_cust_flag": pick(random, ["Y", "N"], rows, few()),
        "c_birth_day": ints(random.integers(1, 29, rows), few()), "c_birth_month": ints(random.integers(1, 13, rows), few()),
        "c_birth_year": ints(random.integers(1924, 1993, rows), few()), "c_birth_country": pick(random, words.COUNTRIES, rows, few()),
        "c_login": pa.array([None] * rows, pa.string()), "c_email_address": pa.array(mail),
        "c_last_review_date": pa.array([str(one) for one in random.integers(2_452_283, 2_452_648, rows)]),
    }


def item(random, rows):
    keys = np.arange(1, rows + 1)
    business, begin, end = versions(keys)
    category = random.integers(0, len(words.CATEGORIES), rows)
    classes = [words.CLASSES[one] for one in category]
    chosen = random.integers(0, 16, rows) % np.array([len(one) for one in classes])
    brand = random.integers(0, 10, rows)
    manufact = random.integers(1, min(1_000, rows // 6) + 1, rows)
    price = random.integers(9, 10_000, rows)
    syllable = lambda number: "".join(words.SYLLABLES[int(one)] for one in reversed(str(int(number))))  # noqa: E731
    return {
        "i_item_sk": ints(keys), "i_item_id": business, "i_rec_start_date": begin, "i_rec_end_date": end,
        "i_item_desc": sentences(random, rows, 12), "i_current_price": money(price), "i_wholesale_cost": money(price * random.integers(30, 91, rows) // 100),
        "i_brand_id": ints((category + 1) * 1_000_000 + (chosen + 1) * 1_000 + brand + 1),
        "i_brand": pa.array([f"{syllable(one)}{words.BRANDS[two % 8]} #{three + 1}" for one, two, three in zip(category + 1, chosen, brand)]),
        "i_class_id": ints(chosen + 1), "i_class": pa.array([all_of[one] for all_of, one in zip(classes, chosen)]),
        "i_category_id": ints(category + 1), "i_category": at(words.CATEGORIES, category), "i_manufact_id": ints(manufact),
        "i_manufact": pa.array([syllable(one) for one in manufact]), "i_size": pick(random, words.SIZES, rows),
        "i_formulation": pa.array([f"{one:020d}" for one in random.integers(0, 10**15, rows)]), "i_color": pick(random, words.COLORS, rows),
        "i_units": pick(random, words.UNITS, rows), "i_container": pa.array(["Unknown"] * rows),
        "i_manager_id": ints(random.integers(1, min(100, rows // 10) + 1, rows)), "i_product_name": pa.array([syllable(one) for one in keys]),
    }


def promotion(random, sizes):
    rows = sizes["promotion"]
    keys = np.arange(1, rows + 1)
    begin = random.integers(day("1998-01-01"), day("2002-11-01"), rows)
    columns = {
        "p_promo_sk": ints(keys), "p_promo_id": ids(keys), "p_start_date_sk": ints(begin + JULIAN),
        "p_end_date_sk": ints(begin + random.integers(1, 61, rows) + JULIAN), "p_item_sk": ints(random.integers(1, sizes["item"] + 1, rows)),
        "p_cost": decimal(np.full(rows, 100_000), 15, 2), "p_response_target": ints(np.ones(rows)),
        "p_promo_name": at(words.SYLLABLES, keys % 10), "p_channel_dmail": pick(random, ["Y", "N"], rows),
    }
    for channel in ("email", "catalog", "tv", "radio", "press", "event", "demo"):
        columns[f"p_channel_{channel}"] = at(["N", "Y"], (random.integers(0, 10, rows) == 0).astype(int))
    columns.update({
        "p_channel_details": sentences(random, rows, 6), "p_purpose": pa.array(["Unknown"] * rows),
        "p_discount_active": pick(random, ["Y", "N"], rows),
    })
    return columns


def reason(rows):
    keys = np.arange(1, rows + 1)
    return {"r_reason_sk": ints(keys), "r_reason_id": ids(keys), "r_reason_desc": pa.array([words.REASONS[one] if one < len(words.REASONS) else f"reason {one + 1}" for one in range(rows)])}


def ship_mode(random):
    keys = np.arange(1, 21)
    contracts = ["".join(random.choice(list("abcdefghijklmnopqrstuvwxyzABCDEFG0123456789"), 12)) for _ in keys]
    return {
        "sm_ship_mode_sk": ints(keys), "sm_ship_mode_id": ids(keys), "sm_type": at(words.SHIP_TYPES, (keys - 1) % 5),
        "sm_code": at(words.SHIP_CODES, (keys - 1) // 5), "sm_carrier": at(words.CARRIERS, keys - 1), "sm_contract": pa.array(contracts),
    }


def warehouse(random, rows):
    keys = np.arange(1, rows + 1)
    return {
        "w_warehouse_sk": ints(keys), "w_warehouse_id": ids(keys), "w_warehouse_name": sentences(random, rows, 3),
        "w_warehouse_sq_ft": ints(random.integers(50_000, 1_000_000, rows)), **street(random, rows, "w", np.zeros(rows, int)),
    }


def place_of_business(random, rows):
    """Mostly the first county, as the specification's shops."""
    return np.where(np.arange(rows) % 2 == 0, 0, random.integers(0, len(words.PLACES), rows))


def tax(random, rows):
    return decimal(random.integers(0, 12, rows), 5, 2)


def store(random, rows):
    keys = np.arange(1, rows + 1)
    business, begin, end = versions(keys)
    return {
        "s_store_sk": ints(keys), "s_store_id": business, "s_rec_start_date": begin, "s_rec_end_date": end,
        "s_closed_date_sk": ints(random.integers(2_450_800, 2_452_000, rows), random.integers(0, 4, rows) > 0),
        "s_store_name": at(words.SYLLABLES, keys % 10), "s_number_employees": ints(random.integers(200, 301, rows)),
        "s_floor_space": ints(random.integers(5_000_000, 10_000_001, rows)), "s_hours": pick(random, words.HOURS, rows),
        "s_manager": managers(random, rows), "s_market_id": ints(keys % 10 + 1), "s_geography_class": pa.array(["Unknown"] * rows),
        "s_market_desc": sentences(random, rows, 10), "s_market_manager": managers(random, rows), "s_division_id": ints(np.ones(rows)),
        "s_division_name": pa.array(["Unknown"] * rows), "s_company_id": ints(np.ones(rows)), "s_company_name": pa.array(["Unknown"] * rows),
        **street(random, rows, "s", place_of_business(random, rows)), "s_tax_precentage": tax(random, rows),
    }


def managers(random, rows):
    return pa.array([f"{a} {b}" for a, b in zip(random.choice(words.FIRST_NAMES, rows), random.choice(words.LAST_NAMES, rows))])


def call_center(random, rows):
    keys = np.arange(1, rows + 1)
    business, begin, end = versions(keys)
    return {
        "cc_call_center_sk": ints(keys), "cc_call_center_id": business, "cc_rec_start_date": begin, "cc_rec_end_date": end,
        "cc_closed_date_sk": ints(np.zeros(rows), np.ones(rows, bool)), "cc_open_date_sk": ints(random.integers(2_450_800, 2_451_200, rows)),
        "cc_name": at(words.CENTERS, (keys - 1) // 2 % len(words.CENTERS)), "cc_class": pick(random, ["small", "medium", "large"], rows),
        "cc_employees": ints(random.integers(1, 700, rows)), "cc_sq_ft": ints(random.integers(1_000, 40_000, rows)),
        "cc_hours": pick(random, words.HOURS, rows), "cc_manager": managers(random, rows), "cc_mkt_id": ints(random.integers(1, 7, rows)),
        "cc_mkt_class": sentences(random, rows, 5), "cc_mkt_desc": sentences(random, rows, 10), "cc_market_manager": managers(random, rows),
        "cc_division": ints(keys % 6 + 1), "cc_division_name": at(words.SYLLABLES, keys % 6 + 1), "cc_company": ints(keys % 6 + 1),
        "cc_company_name": at(words.SYLLABLES, keys % 6 + 1), **street(random, rows, "cc", np.zeros(rows, int)), "cc_tax_percentage": tax(random, rows),
    }


def catalog_page(random, rows):
    keys = np.arange(1, rows + 1)
    begin = day("1998-01-01") + (keys - 1) // 108 * 30
    return {
        "cp_catalog_page_sk": ints(keys), "cp_catalog_page_id": ids(keys), "cp_start_date_sk": ints(begin + JULIAN),
        "cp_end_date_sk": ints(begin + 89 + JULIAN), "cp_department": pa.array(["DEPARTMENT"] * rows),
        "cp_catalog_number": ints((keys - 1) // 108 + 1), "cp_catalog_page_number": ints((keys - 1) % 108 + 1),
        "cp_description": sentences(random, rows, 10), "cp_type": pick(random, ["bi-annual", "quarterly", "monthly"], rows),
    }


def web_site(random, rows):
    keys = np.arange(1, rows + 1)
    business, begin, end = versions(keys)
    return {
        "web_site_sk": ints(keys), "web_site_id": business, "web_rec_start_date": begin, "web_rec_end_date": end,
        "web_name": pa.array([f"site_{(one - 1) // 6}" for one in keys]), "web_open_date_sk": ints(random.integers(2_450_500, 2_450_900, rows)),
        "web_close_date_sk": ints(random.integers(2_450_900, 2_452_000, rows), random.integers(0, 3, rows) > 0),
        "web_class": pa.array(["Unknown"] * rows), "web_manager": managers(random, rows), "web_mkt_id": ints(random.integers(1, 7, rows)),
        "web_mkt_class": sentences(random, rows, 5), "web_mkt_desc": sentences(random, rows, 10), "web_market_manager": managers(random, rows),
        "web_company_id": ints((keys - 1) % 6 + 1), "web_company_name": at(words.SYLLABLES, (keys - 1) % 6 + 1), **street(random, rows, "web", np.zeros(rows, int)),
        "web_tax_percentage": tax(random, rows),
    }


def web_page(random, sizes):
    rows = sizes["web_page"]
    keys = np.arange(1, rows + 1)
    business, begin, end = versions(keys)
    generated = random.integers(0, 2, rows)
    return {
        "wp_web_page_sk": ints(keys), "wp_web_page_id": business, "wp_rec_start_date": begin, "wp_rec_end_date": end,
        "wp_creation_date_sk": ints(random.integers(2_450_800, 2_450_900, rows)), "wp_access_date_sk": ints(random.integers(2_452_600, 2_452_700, rows)),
        "wp_autogen_flag": at(["N", "Y"], generated), "wp_customer_sk": ints(random.integers(1, sizes["customer"] + 1, rows), generated == 0),
        "wp_url": pa.array(["http://www.example.org"] * rows), "wp_type": pick(random, words.PAGES, rows),
        "wp_char_count": ints(random.integers(100, 8_000, rows)), "wp_link_count": ints(random.integers(2, 26, rows)),
        "wp_image_count": ints(random.integers(1, 8, rows)), "wp_max_ad_count": ints(random.integers(0, 5, rows)),
    }
