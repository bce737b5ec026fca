//! Days of the Julian calendar, which the JVM counts before 1582-10-15 and which old formats keep: dates keep
//! their names, so their numbers change.

/// 1582-10-15, the first day of the Gregorian calendar, in days since 1970-01-01.
const CUTOVER: i64 = -141_427;
/// Julian day number of 1970-01-01.
const EPOCH_JULIAN_DAY: i64 = 2_440_588;

/// The day that the JVM's calendar gives the name of a day of the proleptic Gregorian calendar.
pub fn to_hybrid(day: i64) -> i64 {
    if day >= CUTOVER {
        return day;
    }
    let (year, month, of_month) = civil(day);
    let before = (14 - month) / 12;
    let (years, months) = (year + 4800 - before, month + 12 * before - 3);
    of_month + (153 * months + 2) / 5 + 365 * years + years.div_euclid(4) - 32_083 - EPOCH_JULIAN_DAY
}

/// The way back. The Julian calendar has leap days that the Gregorian lacks: they become the first of March.
pub fn from_hybrid(day: i64) -> i64 {
    if day >= CUTOVER {
        return day;
    }
    let shifted = day + EPOCH_JULIAN_DAY + 32_082;
    let years = (4 * shifted + 3).div_euclid(1461);
    let in_year = shifted - (1461 * years).div_euclid(4);
    let months = (5 * in_year + 2) / 153;
    let of_month = in_year - (153 * months + 2) / 5 + 1;
    let (year, month) = (years - 4800 + months / 10, months + 3 - 12 * (months / 10));
    days(year, month, of_month)
}

/// Year, month and day of a day of the proleptic Gregorian calendar.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let in_era = shifted.rem_euclid(146_097);
    let years = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * years + years / 4 - years / 100);
    let months = (5 * in_year + 2) / 153;
    let month = if months < 10 { months + 3 } else { months - 9 };
    (years + era * 400 + i64::from(month <= 2), month, in_year - (153 * months + 2) / 5 + 1)
}

/// The way back; a 29 February that is none is the day after the 28th.
fn days(year: i64, month: i64, of_month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let years = year.rem_euclid(400);
    let months = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * months + 2) / 5 + of_month - 1;
    era * 146_097 + years * 365 + years / 4 - years / 100 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay() {
        // 1200-01-01: seven days apart.
        assert_eq!(to_hybrid(days(1200, 1, 1)), days(1200, 1, 8));
        for day in (-1_000_000..0).step_by(977) {
            assert_eq!(from_hybrid(to_hybrid(day)), day);
        }
        // 1500-02-29 is a day of the Julian calendar only.
        assert_eq!(from_hybrid(to_hybrid(days(1500, 3, 1)) - 1), days(1500, 3, 1));
        assert_eq!(civil(days(1999, 12, 31)), (1999, 12, 31));
    }
}
