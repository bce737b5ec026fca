#!/usr/bin/env python3
"""TPC-DS tables as Parquet, at any scale factor.

    python3 bench/tpcds/generate.py FOLDER [SCALE_FACTOR]

Schema, keys and value ranges follow the TPC-DS specification; texts are words of our own, and sales lean towards some
customers, items and dates, so that the benchmark's queries find rows at a small scale too. Results differ from dsdgen's.
The same scale factor gives the same files. Needs numpy and pyarrow. The dimensions are in `dimensions.py`.
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dimensions  # noqa: E402
from dimensions import FIRST_DAY, day, ints, money  # noqa: E402

TABLES = [
    "call_center", "catalog_page", "catalog_returns", "catalog_sales", "customer", "customer_address",
    "customer_demographics", "date_dim", "household_demographics", "income_band", "inventory", "item", "promotion", "reason",
    "ship_mode", "store", "store_returns", "store_sales", "time_dim", "warehouse", "web_page", "web_returns", "web_sales", "web_site",
]
FIRST_SALE, LAST_SALE = day("1998-01-02"), day("2002-12-31")
# Of the foreign keys in facts, these parts of a hundred are NULL.
NULLS = 3
ORDERS_A_BATCH = 200_000


class Sale:
    """What the lines of some orders share, one element a line."""

    def __init__(self, random, first, count, lines, sizes):
        self.lines = random.integers(lines[0], lines[1] + 1, count)
        self.of = np.repeat(np.arange(count), self.lines)
        self.rows = len(self.of)
        self.number = np.arange(first, first + count)[self.of]
        # December sells more, and the specification's sales grow towards the end of a year.
        days = np.arange(FIRST_SALE, LAST_SALE + 1)
        month = days.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
        weight = np.where(month >= 10, 2.5, np.where(month >= 7, 1.5, 1.0))
        self.date = random.choice(days, count, p=weight / weight.sum())[self.of]
        hours = random.integers(8, 22, count)
        self.time = (hours * 3600 + random.integers(0, 3600, count))[self.of]
        self.customer = skewed(random, sizes["customer"], count)[self.of]
        self.item = skewed(random, sizes["item"], self.rows)

    def of_order(self, random, size, per_order=None):
        """A key of a dimension, the same in all lines of an order."""
        return random.integers(1, size + 1, len(self.lines))[self.of]


def skewed(random, size, rows):
    """Keys of which the small ones are much more frequent."""
    return (random.random(rows) ** 2.5 * size).astype(np.int64) + 1


def key(random, values):
    return ints(values, random.integers(0, 100, len(values)) < NULLS)


def date_key(values):
    return values + dimensions.JULIAN


class Prices:
    """The specification's price columns of lines, in cents."""

    def __init__(self, random, rows):
        self.quantity = random.integers(1, 101, rows)
        self.wholesale = random.integers(100, 10_001, rows)
        self.list = self.wholesale * random.integers(100, 301, rows) // 100
        self.sales = self.list * random.integers(0, 101, rows) // 100
        self.ext_discount = (self.list - self.sales) * self.quantity
        self.ext_sales = self.sales * self.quantity
        self.ext_wholesale = self.wholesale * self.quantity
        self.ext_list = self.list * self.quantity
        self.coupon = np.where(random.integers(0, 5, rows) == 0, self.ext_sales * random.integers(0, 101, rows) // 100, 0)
        self.net_paid = self.ext_sales - self.coupon
        self.ext_tax = self.net_paid * random.integers(0, 10, rows) // 100
        self.ext_ship = self.list * random.integers(0, 51, rows) // 100 * self.quantity
        self.profit = self.net_paid - self.ext_wholesale

    def columns(self, prefix, shipped):
        names = {
            "quantity": ints(self.quantity), "wholesale_cost": money(self.wholesale), "list_price": money(self.list),
            "sales_price": money(self.sales), "ext_discount_amt": money(self.ext_discount), "ext_sales_price": money(self.ext_sales),
            "ext_wholesale_cost": money(self.ext_wholesale), "ext_list_price": money(self.ext_list),
            "ext_tax": money(self.ext_tax), "coupon_amt": money(self.coupon),
        }
        if shipped:
            names["ext_ship_cost"] = money(self.ext_ship)
        names["net_paid"] = money(self.net_paid)
        names["net_paid_inc_tax"] = money(self.net_paid + self.ext_tax)
        if shipped:
            names["net_paid_inc_ship"] = money(self.net_paid + self.ext_ship)
            names["net_paid_inc_ship_tax"] = money(self.net_paid + self.ext_ship + self.ext_tax)
        names["net_profit"] = money(self.profit)
        return {f"{prefix}_{name}": values for name, values in names.items()}


def returned(random, prefix, names, prices, chosen):
    """The money of returned lines; `names` are the channel's words for amount and credit."""
    rows = len(chosen)
    quantity = np.minimum(random.integers(1, 101, rows), prices.quantity[chosen])
    amount = prices.sales[chosen] * quantity
    tax = amount * random.integers(0, 10, rows) // 100
    fee = random.integers(50, 10_001, rows)
    ship = prices.list[chosen] * random.integers(0, 51, rows) // 100 * quantity
    cash = amount * random.integers(0, 101, rows) // 100
    reversed_charge = (amount - cash) * random.integers(0, 101, rows) // 100
    credit = amount - cash - reversed_charge
    values = {
        "return_quantity": ints(quantity), names[0]: money(amount), "return_tax": money(tax), "return_amt_inc_tax": money(amount + tax),
        "fee": money(fee), "return_ship_cost": money(ship), "refunded_cash": money(cash), "reversed_charge": money(reversed_charge),
        names[1]: money(credit), "net_loss": money(ship + fee + tax),
    }
    return {f"{prefix}_{name}": one for name, one in values.items()}


def store(random, first, count, sizes):
    """Store sales, their returns, and for the other channels who bought what and brought it back when."""
    sale = Sale(random, first, count, (4, 14), sizes)
    prices = Prices(random, sale.rows)
    cdemo, hdemo = sale.of_order(random, sizes["customer_demographics"]), sale.of_order(random, sizes["household_demographics"])
    address, shop = sale.of_order(random, sizes["customer_address"]), sale.of_order(random, sizes["store"])
    sales = {
        "ss_sold_date_sk": key(random, date_key(sale.date)), "ss_sold_time_sk": key(random, sale.time), "ss_item_sk": ints(sale.item),
        "ss_customer_sk": key(random, sale.customer), "ss_cdemo_sk": key(random, cdemo), "ss_hdemo_sk": key(random, hdemo),
        "ss_addr_sk": key(random, address), "ss_store_sk": key(random, shop),
        "ss_promo_sk": key(random, random.integers(1, sizes["promotion"] + 1, sale.rows)), "ss_ticket_number": pa.array(sale.number),
        **prices.columns("ss", shipped=False),
    }
    chosen = np.flatnonzero(random.integers(0, 10, sale.rows) == 0)
    rows = len(chosen)
    date = sale.date[chosen] + random.integers(1, 91, rows)
    returns = {
        "sr_returned_date_sk": key(random, date_key(date)), "sr_return_time_sk": key(random, random.integers(28_800, 61_200, rows)),
        "sr_item_sk": ints(sale.item[chosen]), "sr_customer_sk": key(random, sale.customer[chosen]),
        "sr_cdemo_sk": key(random, cdemo[chosen]), "sr_hdemo_sk": key(random, hdemo[chosen]), "sr_addr_sk": key(random, address[chosen]),
        "sr_store_sk": key(random, shop[chosen]), "sr_reason_sk": key(random, random.integers(1, sizes["reason"] + 1, rows)),
        "sr_ticket_number": pa.array(sale.number[chosen]), **returned(random, "sr", ("return_amt", "store_credit"), prices, chosen),
    }
    back = (sale.customer[chosen], sale.item[chosen], date)
    return sales, returns, back


def catalog(random, first, count, sizes, back):
    """Catalog sales and returns; some buy again what they brought back to a store."""
    sale = Sale(random, first, count, (4, 14), sizes)
    again_from(random, sale, back)
    prices = Prices(random, sale.rows)
    bill = people(random, sale, sizes)
    gift = (random.integers(0, 10, count) < 1)[sale.of]
    other = people(random, sale, sizes, skewed(random, sizes["customer"], count)[sale.of])
    ship = [np.where(gift, theirs, own) for own, theirs in zip(bill, other)]
    shipped = sale.date + random.integers(2, 131, sale.rows)
    center, page = sale.of_order(random, sizes["call_center"]), random.integers(1, sizes["catalog_page"] + 1, sale.rows)
    mode, house = random.integers(1, 21, sale.rows), random.integers(1, sizes["warehouse"] + 1, sale.rows)
    sales = {
        "cs_sold_date_sk": key(random, date_key(sale.date)), "cs_sold_time_sk": key(random, sale.time),
        "cs_ship_date_sk": key(random, date_key(shipped)), **keys(random, "cs_bill", bill), **keys(random, "cs_ship", ship),
        "cs_call_center_sk": key(random, center), "cs_catalog_page_sk": key(random, page), "cs_ship_mode_sk": key(random, mode),
        "cs_warehouse_sk": key(random, house), "cs_item_sk": ints(sale.item),
        "cs_promo_sk": key(random, random.integers(1, sizes["promotion"] + 1, sale.rows)), "cs_order_number": pa.array(sale.number),
        **prices.columns("cs", shipped=True),
    }
    chosen = np.flatnonzero(random.integers(0, 10, sale.rows) == 0)
    rows = len(chosen)
    returns = {
        "cr_returned_date_sk": key(random, date_key(shipped[chosen] + random.integers(1, 61, rows))),
        "cr_returned_time_sk": key(random, random.integers(0, 86_400, rows)), "cr_item_sk": ints(sale.item[chosen]),
        **keys(random, "cr_refunded", [one[chosen] for one in bill]), **keys(random, "cr_returning", [one[chosen] for one in ship]),
        "cr_call_center_sk": key(random, center[chosen]), "cr_catalog_page_sk": key(random, page[chosen]),
        "cr_ship_mode_sk": key(random, mode[chosen]), "cr_warehouse_sk": key(random, house[chosen]),
        "cr_reason_sk": key(random, random.integers(1, sizes["reason"] + 1, rows)), "cr_order_number": pa.array(sale.number[chosen]),
        **returned(random, "cr", ("return_amount", "store_credit"), prices, chosen),
    }
    return sales, returns


def web(random, first, count, sizes):
    """Web sales and returns."""
    sale = Sale(random, first, count, (8, 16), sizes)
    prices = Prices(random, sale.rows)
    bill = people(random, sale, sizes)
    gift = (random.integers(0, 10, count) < 1)[sale.of]
    other = people(random, sale, sizes, skewed(random, sizes["customer"], count)[sale.of])
    ship = [np.where(gift, theirs, own) for own, theirs in zip(bill, other)]
    shipped = sale.date + random.integers(1, 121, sale.rows)
    page = random.integers(1, sizes["web_page"] + 1, sale.rows)
    sales = {
        "ws_sold_date_sk": key(random, date_key(sale.date)), "ws_sold_time_sk": key(random, sale.time),
        "ws_ship_date_sk": key(random, date_key(shipped)), "ws_item_sk": ints(sale.item),
        **keys(random, "ws_bill", bill), **keys(random, "ws_ship", ship), "ws_web_page_sk": key(random, page),
        "ws_web_site_sk": key(random, sale.of_order(random, sizes["web_site"])),
        "ws_ship_mode_sk": key(random, random.integers(1, 21, sale.rows)),
        "ws_warehouse_sk": key(random, random.integers(1, sizes["warehouse"] + 1, sale.rows)),
        "ws_promo_sk": key(random, random.integers(1, sizes["promotion"] + 1, sale.rows)), "ws_order_number": pa.array(sale.number),
        **prices.columns("ws", shipped=True),
    }
    chosen = np.flatnonzero(random.integers(0, 10, sale.rows) == 0)
    rows = len(chosen)
    # Who sends a thing back is often somebody else, of the same kind.
    returning = [one[chosen] for one in ship]
    returns = {
        "wr_returned_date_sk": key(random, date_key(shipped[chosen] + random.integers(1, 121, rows))),
        "wr_returned_time_sk": key(random, random.integers(0, 86_400, rows)), "wr_item_sk": ints(sale.item[chosen]),
        **keys(random, "wr_refunded", [one[chosen] for one in bill]), **keys(random, "wr_returning", returning),
        "wr_web_page_sk": key(random, page[chosen]), "wr_reason_sk": key(random, random.integers(1, sizes["reason"] + 1, rows)),
        "wr_order_number": pa.array(sale.number[chosen]), **returned(random, "wr", ("return_amt", "account_credit"), prices, chosen),
    }
    return sales, returns


def again_from(random, sale, back):
    """Turns one of five lines into what somebody returned to a store, bought again within three months."""
    customers, items, dates = back
    if len(customers) == 0:
        return
    orders = np.flatnonzero(random.integers(0, 2, len(sale.lines)) == 0)
    which = random.integers(0, len(customers), len(orders))
    firsts = (np.cumsum(sale.lines) - sale.lines)[orders]
    chosen = np.full(len(sale.lines), -1)
    chosen[orders] = which
    lines = chosen[sale.of]
    found = lines >= 0
    sale.customer = np.where(found, customers[lines], sale.customer)
    sale.date = np.where(found, dates[lines] + (sale.number * 7) % 90, sale.date)
    sale.item[firsts] = items[which]


def people(random, sale, sizes, customers=None):
    """Customer, demographics and address of orders."""
    return [
        sale.customer if customers is None else customers, sale.of_order(random, sizes["customer_demographics"]),
        sale.of_order(random, sizes["household_demographics"]), sale.of_order(random, sizes["customer_address"]),
    ]


def keys(random, prefix, values):
    return {f"{prefix}_{name}_sk": key(random, one) for name, one in zip(("customer", "cdemo", "hdemo", "addr"), values)}


def inventory(random, sizes):
    """Every week, what each warehouse has of half of the items."""
    weeks = np.arange(day("1998-01-01"), LAST_SALE + 1, 7)
    items = np.arange(1, sizes["item"] + 1, 2)
    houses = np.arange(1, sizes["warehouse"] + 1)
    grid = np.stack(np.meshgrid(weeks, items, houses, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = len(grid)
    return {
        "inv_date_sk": ints(date_key(grid[:, 0])), "inv_item_sk": ints(grid[:, 1]), "inv_warehouse_sk": ints(grid[:, 2]),
        "inv_quantity_on_hand": ints((random.random(rows) ** 4 * 1_000).astype(int), random.integers(0, 20, rows) == 0),
    }


def write(folder, table, number, columns):
    os.makedirs(os.path.join(folder, table), exist_ok=True)
    pq.write_table(pa.table(columns), os.path.join(folder, table, f"part-{number:05d}.parquet"), row_group_size=250_000)


def generate(folder, scale_factor):
    """Write all tables to `folder`, each a folder of its own; nothing is done where they are there already."""
    done = os.path.join(folder, "_complete")
    if os.path.exists(done):
        return
    random = np.random.Generator(np.random.PCG64(20_240_229))
    sizes = dimensions.sizes(scale_factor)
    for table, columns in dimensions.tables(random, sizes):
        write(folder, table, 0, columns)
    write(folder, "inventory", 0, inventory(random, sizes))
    # 240,000 tickets, 160,000 catalog orders and 60,000 web orders make the specification's facts at scale factor 1.
    batches = max(int(np.ceil(320_000 * scale_factor / ORDERS_A_BATCH)), 1)
    for number in range(batches):
        part = lambda total: max(int(total * scale_factor / batches), 200)  # noqa: E731
        tickets, orders, clicks = part(320_000), part(160_000), part(60_000)
        sales, returns, back = store(random, number * tickets + 1, tickets, sizes)
        write(folder, "store_sales", number, sales)
        write(folder, "store_returns", number, returns)
        sales, returns = catalog(random, number * orders + 1, orders, sizes, back)
        write(folder, "catalog_sales", number, sales)
        write(folder, "catalog_returns", number, returns)
        sales, returns = web(random, number * clicks + 1, clicks, sizes)
        write(folder, "web_sales", number, sales)
        write(folder, "web_returns", number, returns)
    with open(done, "w", encoding="utf-8") as file:
        file.write(f"{scale_factor}\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    generate(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
