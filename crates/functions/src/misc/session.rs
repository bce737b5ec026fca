//! Constants of the session and of expressions' types.

use firesteel_protocol::Result;
use firesteel_protocol::types::{UDT_KEY, name};

use crate::rowwise::text;
use crate::{Call, Typed};

/// The version of Spark whose behaviour this is, then our own.
const VERSION: &str = concat!("4.2.1 firesteel-", env!("CARGO_PKG_VERSION"));

fn constant(call: &Call, value: &str, label: String) -> Result<Typed> {
    call.arity(0)?;
    Ok(Typed::literal(text(value), label))
}

pub(super) fn current_catalog(call: &Call) -> Result<Typed> {
    constant(call, "spark_catalog", call.display())
}

pub(super) fn current_schema(call: &Call) -> Result<Typed> {
    constant(call, &call.env.database, "current_schema()".into())
}

pub(super) fn current_user(call: &Call) -> Result<Typed> {
    constant(call, &call.env.user, call.display())
}

pub(super) fn version(call: &Call) -> Result<Typed> {
    constant(call, VERSION, call.display())
}

/// `typeof(a)`: the type's simple name.
pub(super) fn type_of(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    Ok(Typed::literal(text(&name::simple_of_field(&call.args[0].field())), call.display()))
}

/// `current_path()`: where functions are looked for.
pub(super) fn current_path(call: &Call) -> Result<Typed> {
    constant(call, &format!("system.builtin,system.session,spark_catalog.{}", call.env.database), call.display())
}

/// `unwrap_udt(x)`: the storage of a user-defined type.
pub(super) fn unwrap_udt(call: &Call) -> Result<Typed> {
    call.arity(1)?;
    let mut typed = call.args[0].clone();
    if !typed.metadata.contains_key(UDT_KEY) {
        return Err(call.unexpected_type(0, "\"USERDEFINEDTYPE\""));
    }
    typed.metadata.remove(UDT_KEY);
    // The alias tells the result from the column itself.
    typed.expr = typed.expr.alias(call.display());
    Ok(typed.named(call.display()))
}
