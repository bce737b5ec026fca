//! Values of VARIANT as trees: out of their bytes and back, out of JSON and as JSON.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use firesteel_protocol::{Result, SparkError};
use parquet_variant::{
    ObjectFieldBuilder, Variant, VariantBuilder, VariantBuilderExt, VariantDecimal4, VariantDecimal8, VariantDecimal16,
};

use crate::cast::decimal::power_of_ten;
use crate::cast::text::{format_decimal, format_f32, format_f64};
use crate::datetime::{Zone, iso};
use crate::json::value::{Json, write_text};

/// A value of VARIANT.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Null,
    Bool(bool),
    Long(i64),
    Float(f32),
    Double(f64),
    /// Unscaled value and scale.
    Decimal(i128, i8),
    Text(String),
    Binary(Vec<u8>),
    /// Days since the epoch.
    Date(i32),
    /// Microseconds since the epoch.
    Timestamp(i64),
    TimestampNtz(i64),
    /// Microseconds since midnight.
    Time(i64),
    Uuid(uuid::Uuid),
    Array(Vec<Item>),
    /// Members sorted by name.
    Object(Vec<(String, Item)>),
}

const EPOCH_DAY: i32 = 719_163;

impl Item {
    /// The tree of a JSON value. A member that is there twice is an error.
    pub fn of_json(json: &Json<'_>) -> Result<Self> {
        Ok(match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Int(digits) => match digits.parse() {
                Ok(value) => Self::Long(value),
                Err(_) => decimal(digits).unwrap_or_else(|| Self::Double(digits.parse().unwrap_or(f64::NAN))),
            },
            Json::Float(text) => {
                let plain = !text.contains(['e', 'E', 'N', 'I']);
                let exact = if plain { decimal(text) } else { None };
                exact.unwrap_or_else(|| Self::Double(Json::float(text).unwrap_or(f64::NAN)))
            }
            Json::Text(text) => Self::Text(text.to_string()),
            Json::Array(items) => Self::Array(items.iter().map(Self::of_json).collect::<Result<_>>()?),
            Json::Object(members) => {
                let member = |(name, value): &(std::borrow::Cow<'_, str>, Json<'_>)| {
                    Ok((name.to_string(), Self::of_json(value)?))
                };
                Self::object(members.iter().map(member).collect::<Result<_>>()?)?
            }
        })
    }

    /// An object of these members.
    pub fn object(mut members: Vec<(String, Item)>) -> Result<Self> {
        members.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(pair) = members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(SparkError::new("VARIANT_DUPLICATE_KEY").with("key", pair[0].0.clone()));
        }
        Ok(Self::Object(members))
    }

    /// The tree in a variant's bytes.
    pub fn decode(value: &[u8], metadata: &[u8]) -> Result<Self> {
        let malformed = |error: arrow::error::ArrowError| SparkError::new("MALFORMED_VARIANT").with_source(error);
        Self::of_variant(&Variant::try_new(metadata, value).map_err(malformed)?)
    }

    fn of_variant(variant: &Variant<'_, '_>) -> Result<Self> {
        Ok(match variant {
            Variant::Null => Self::Null,
            Variant::BooleanTrue => Self::Bool(true),
            Variant::BooleanFalse => Self::Bool(false),
            Variant::Int8(v) => Self::Long((*v).into()),
            Variant::Int16(v) => Self::Long((*v).into()),
            Variant::Int32(v) => Self::Long((*v).into()),
            Variant::Int64(v) => Self::Long(*v),
            Variant::Float(v) => Self::Float(*v),
            Variant::Double(v) => Self::Double(*v),
            Variant::Decimal4(v) => Self::Decimal(v.integer().into(), v.scale() as i8),
            Variant::Decimal8(v) => Self::Decimal(v.integer().into(), v.scale() as i8),
            Variant::Decimal16(v) => Self::Decimal(v.integer(), v.scale() as i8),
            Variant::String(text) => Self::Text((*text).to_string()),
            Variant::ShortString(text) => Self::Text(text.as_str().to_string()),
            Variant::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Variant::Date(date) => Self::Date(date.num_days_from_ce() - EPOCH_DAY),
            Variant::TimestampMicros(time) | Variant::TimestampNanos(time) => Self::Timestamp(time.timestamp_micros()),
            Variant::TimestampNtzMicros(time) | Variant::TimestampNtzNanos(time) => {
                Self::TimestampNtz(time.and_utc().timestamp_micros())
            }
            Variant::Time(time) => {
                let nanos = i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond());
                Self::Time(nanos / 1000)
            }
            Variant::Uuid(id) => Self::Uuid(*id),
            Variant::List(list) => Self::Array(list.iter().map(|item| Self::of_variant(&item)).collect::<Result<_>>()?),
            Variant::Object(object) => {
                let member = |(name, value): (&str, Variant<'_, '_>)| Ok((name.to_string(), Self::of_variant(&value)?));
                Self::object(object.iter().map(member).collect::<Result<_>>()?)?
            }
        })
    }

    /// The bytes of value and metadata.
    pub fn encode(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut builder = VariantBuilder::new();
        self.append(&mut builder)?;
        let (mut metadata, value) = builder.try_finish().map_err(crate::kernel::from_arrow)?;
        // Spark does not say that the names are in order, though they may be.
        if let Some(header) = metadata.first_mut() {
            *header &= !0x10;
        }
        Ok((value, metadata))
    }

    fn append(&self, builder: &mut impl VariantBuilderExt) -> Result<()> {
        let failed = crate::kernel::from_arrow;
        match self {
            Self::Array(items) => {
                let mut list = builder.try_new_list().map_err(failed)?;
                items.iter().try_for_each(|item| item.append(&mut list))?;
                list.finish();
            }
            Self::Object(members) => {
                let mut object = builder.try_new_object().map_err(failed)?;
                for (name, value) in members {
                    value.append(&mut ObjectFieldBuilder::new(name, &mut object))?;
                }
                object.finish();
            }
            // A member that is appended as a null would be left out.
            Self::Null => builder.append_value(Variant::Null),
            Self::Bool(value) => builder.append_value(*value),
            Self::Long(value) => match *value {
                v if i8::try_from(v).is_ok() => builder.append_value(v as i8),
                v if i16::try_from(v).is_ok() => builder.append_value(v as i16),
                v if i32::try_from(v).is_ok() => builder.append_value(v as i32),
                v => builder.append_value(v),
            },
            Self::Float(value) => builder.append_value(*value),
            Self::Double(value) => builder.append_value(*value),
            Self::Decimal(value, scale) => {
                let (digits, scale_u8) = (value.unsigned_abs(), scale.unsigned_abs());
                if digits < 1_000_000_000 && scale_u8 <= 9 {
                    builder.append_value(VariantDecimal4::try_new(*value as i32, scale_u8).map_err(failed)?);
                } else if digits < 1_000_000_000_000_000_000 && scale_u8 <= 18 {
                    builder.append_value(VariantDecimal8::try_new(*value as i64, scale_u8).map_err(failed)?);
                } else {
                    builder.append_value(VariantDecimal16::try_new(*value, scale_u8).map_err(failed)?);
                }
            }
            Self::Text(text) => builder.append_value(text.as_str()),
            Self::Binary(bytes) => builder.append_value(bytes.as_slice()),
            Self::Date(days) => {
                builder.append_value(NaiveDate::from_num_days_from_ce_opt(days + EPOCH_DAY).ok_or_else(out_of_range)?);
            }
            Self::Timestamp(us) => {
                builder.append_value(DateTime::from_timestamp_micros(*us).ok_or_else(out_of_range)?);
            }
            Self::TimestampNtz(us) => {
                let time: NaiveDateTime = DateTime::from_timestamp_micros(*us).ok_or_else(out_of_range)?.naive_utc();
                builder.append_value(time);
            }
            Self::Time(us) => {
                let (seconds, rest) = ((us / 1_000_000) as u32, (us % 1_000_000) as u32 * 1000);
                let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest).ok_or_else(out_of_range)?;
                builder.append_value(time);
            }
            Self::Uuid(id) => builder.append_value(*id),
        }
        Ok(())
    }

    /// Appends the value as JSON.
    pub fn write(&self, out: &mut String, zone: Zone) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out, zone);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_text(out, name);
                    out.push(':');
                    value.write(out, zone);
                }
                out.push('}');
            }
            Self::Float(value) if !value.is_finite() => write_text(out, &format_f32(*value)),
            Self::Double(value) if !value.is_finite() => write_text(out, &format_f64(*value)),
            Self::Long(_) | Self::Float(_) | Self::Double(_) | Self::Decimal(..) => out.push_str(&self.text(zone)),
            _ => write_text(out, &self.text(zone)),
        }
    }

    /// The value as a cast to STRING has it: texts without quotes, arrays and objects as JSON.
    pub fn text(&self, zone: Zone) -> String {
        match self {
            Self::Long(value) => value.to_string(),
            Self::Float(value) => format_f32(*value),
            Self::Double(value) => format_f64(*value),
            Self::Decimal(value, scale) => {
                let (value, scale) = stripped(*value, *scale);
                format_decimal(value, scale)
            }
            Self::Text(text) => text.clone(),
            Self::Binary(bytes) => {
                use base64::Engine;
                base64::engine::general_purpose::STANDARD.encode(bytes)
            }
            Self::Date(days) => iso::format_date(*days),
            Self::Timestamp(us) => format!("{}{}", local(*us, zone), offset(*us, zone)),
            Self::TimestampNtz(us) => local(*us, crate::datetime::zone::UTC),
            Self::Time(us) => {
                let mut out = String::new();
                crate::cast::datetime::write_time(&mut out, *us);
                out
            }
            Self::Uuid(id) => id.to_string(),
            other => {
                let mut out = String::new();
                other.write(&mut out, zone);
                out
            }
        }
    }
}

fn out_of_range() -> SparkError {
    SparkError::internal("a date out of the range of VARIANT")
}

/// `2020-01-01 00:00:00`, with a fraction where there is one.
fn local(us: i64, zone: Zone) -> String {
    let mut out = String::new();
    crate::cast::datetime::write_timestamp(&mut out, zone.to_local(us));
    out
}

/// `+00:00`
fn offset(us: i64, zone: Zone) -> String {
    let minutes = (zone.to_local(us) - us) / 60_000_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A decimal without trailing zeros of its fraction.
pub fn stripped(mut value: i128, mut scale: i8) -> (i128, i8) {
    while scale > 0 && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    (value, scale)
}

/// A number's text as decimal, if 38 digits hold it.
fn decimal(text: &str) -> Option<Item> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let fits = fraction.len() <= 38 && value.unsigned_abs() < power_of_ten(38).unsigned_abs();
    fits.then_some(Item::Decimal(value, fraction.len() as i8))
}
