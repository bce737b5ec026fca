//! `+ - * / % div`, their `try_` forms, `mod`, `pmod`, `negative`, `positive`, `abs`.
//!
//! This file decides on operand and result types and names; `integer`, `float`, `decimal` and
//! `datetime` compute. Dates, timestamps and intervals are in `datetime`.

mod datetime;
mod decimal;
mod float;
mod integer;
mod refusal;
mod time;
mod unary;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, Volatility};
use firesteel_protocol::{Result, SparkError};

use crate::cast::{EvalMode, cast};
use crate::coerce::{self, cast_silently, is_decimal, is_float, is_integral, is_numeric};
use crate::kernel::{Kernel, kernel_expr};
use crate::{Call, Entry, Env, Kind, Typed};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "+", kind: Kind::Scalar(|call| plus_or_minus(call, Op::Add)) },
    Entry { name: "-", kind: Kind::Scalar(|call| plus_or_minus(call, Op::Subtract)) },
    Entry { name: "*", kind: Kind::Scalar(|call| operator(call, Op::Multiply)) },
    Entry { name: "/", kind: Kind::Scalar(|call| operator(call, Op::Divide)) },
    Entry { name: "%", kind: Kind::Scalar(|call| operator(call, Op::Remainder)) },
    Entry { name: "div", kind: Kind::Scalar(|call| operator(call, Op::IntegralDivide)) },
    Entry { name: "mod", kind: Kind::Scalar(|call| function(call, Op::Remainder)) },
    Entry { name: "pmod", kind: Kind::Scalar(|call| function(call, Op::Pmod)) },
    Entry { name: "try_add", kind: Kind::Scalar(|call| tried(call, Op::Add)) },
    Entry { name: "try_subtract", kind: Kind::Scalar(|call| tried(call, Op::Subtract)) },
    Entry { name: "try_multiply", kind: Kind::Scalar(|call| tried(call, Op::Multiply)) },
    Entry { name: "try_divide", kind: Kind::Scalar(|call| tried(call, Op::Divide)) },
    Entry { name: "try_mod", kind: Kind::Scalar(|call| tried(call, Op::Remainder)) },
    Entry { name: "negative", kind: Kind::Scalar(unary::negative) },
    Entry { name: "positive", kind: Kind::Scalar(unary::positive) },
    Entry { name: "abs", kind: Kind::Scalar(unary::abs) },
];

/// A binary operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegralDivide,
    Remainder,
    Pmod,
}

impl Op {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::IntegralDivide => "div",
            Self::Remainder => "%",
            Self::Pmod => "pmod",
        }
    }

    fn parse(symbol: &str) -> Self {
        match symbol {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "div" => Self::IntegralDivide,
            "%" => Self::Remainder,
            _ => Self::Pmod,
        }
    }

    /// The function that gives NULL where this one fails.
    pub(crate) fn try_name(self) -> &'static str {
        match self {
            Self::Add => "try_add",
            Self::Subtract => "try_subtract",
            Self::Multiply => "try_multiply",
            Self::Divide | Self::IntegralDivide => "try_divide",
            Self::Remainder | Self::Pmod => "try_mod",
        }
    }

    /// Division by zero is NULL or an error.
    fn divides(self) -> bool {
        matches!(self, Self::Divide | Self::IntegralDivide | Self::Remainder | Self::Pmod)
    }

    fn zero_divisor(self) -> SparkError {
        let condition = match self {
            Self::Remainder | Self::Pmod => "REMAINDER_BY_ZERO",
            _ => "DIVIDE_BY_ZERO",
        };
        SparkError::new(condition).with("config", "\"spark.sql.ansi.enabled\"")
    }

    fn overflow(self) -> SparkError {
        let message = if self == Self::IntegralDivide { "Overflow in integral divide" } else { "overflow" };
        overflow(message, Some(self.try_name()))
    }

    /// The types that Spark says it wants, where both operands have a wrong one.
    fn required(self) -> &'static str {
        match self {
            Self::Add | Self::Subtract => {
                "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")"
            }
            Self::Divide => "(\"DOUBLE\" or \"DECIMAL\")",
            Self::IntegralDivide => {
                "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"
            }
            _ => "\"NUMERIC\"",
        }
    }
}

/// `ARITHMETIC_OVERFLOW`, pointing to the function that tolerates it.
pub(crate) fn overflow(message: &str, try_name: Option<&str>) -> SparkError {
    let alternative =
        try_name.map(|name| format!(" Use '{name}' to tolerate overflow and return NULL instead.")).unwrap_or_default();
    SparkError::new("ARITHMETIC_OVERFLOW")
        .with("message", message)
        .with("alternative", alternative)
        .with("config", "\"spark.sql.ansi.enabled\"")
}

/// What a kernel's setting says: operation and mode.
pub(crate) fn setting(param: &str) -> (Op, EvalMode) {
    let (symbol, mode) = param.split_once(' ').unwrap_or((param, "ansi"));
    let mode = match mode {
        "legacy" => EvalMode::Legacy,
        "try" => EvalMode::Try,
        _ => EvalMode::Ansi,
    };
    (Op::parse(symbol), mode)
}

fn mode_word(mode: EvalMode) -> &'static str {
    match mode {
        EvalMode::Legacy => "legacy",
        EvalMode::Ansi => "ansi",
        EvalMode::Try => "try",
    }
}

/// One operation on two operands, not named yet.
pub(crate) struct Operation<'a> {
    pub op: Op,
    pub mode: EvalMode,
    pub env: &'a Env,
    /// What Spark prints of the operation, in errors too.
    pub label: String,
}

impl Operation<'_> {
    /// A kernel over two operands. Names of kernels that can fail start with `ansi_`.
    pub(crate) fn kernel(&self, left: Typed, right: Typed, to: DataType, kernel: Kernel) -> Typed {
        let any = left.nullable || right.nullable;
        let nullable =
            any || self.mode == EvalMode::Try || self.op.divides() || is_decimal(&to) && self.mode == EvalMode::Legacy;
        let function = if self.mode == EvalMode::Ansi { "ansi_arithmetic" } else { "spark_arithmetic" };
        let param = format!("{} {}", self.op.symbol(), mode_word(self.mode));
        let args = vec![left.expr, right.expr];
        let expr = kernel_expr(function, args, to.clone(), nullable, Volatility::Immutable, self.env, param, kernel);
        Typed::new(expr, self.label.clone(), to, nullable)
    }

    fn plain(&self, left: Typed, operator: Operator, right: Typed) -> Typed {
        let nullable = left.nullable || right.nullable || self.op.divides();
        let data_type = left.data_type.clone();
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), operator, Box::new(right.expr)));
        Typed::new(expr, self.label.clone(), data_type, nullable)
    }
}

fn operator(call: &Call, op: Op) -> Result<Typed> {
    call.arity(2)?;
    let label = format!("({} {} {})", call.args[0].name, op.symbol(), call.args[1].name);
    resolve(call, Operation { op, mode: EvalMode::of(call.env), env: call.env, label })
}

/// `-` with one operand is the negative.
fn plus_or_minus(call: &Call, op: Op) -> Result<Typed> {
    match (call.args.len(), op) {
        (1, Op::Subtract) => unary::negative(call),
        (1, _) => unary::positive(call),
        _ => operator(call, op),
    }
}

fn function(call: &Call, op: Op) -> Result<Typed> {
    call.arity(2)?;
    resolve(call, Operation { op, mode: EvalMode::of(call.env), env: call.env, label: call.display() })
}

fn tried(call: &Call, op: Op) -> Result<Typed> {
    call.arity(2)?;
    let label = call.display();
    let typed = resolve(call, Operation { op, mode: EvalMode::Try, env: call.env, label: label.clone() })?;
    Ok(Typed { nullable: true, ..typed.named(label) })
}

fn resolve(call: &Call, operation: Operation<'_>) -> Result<Typed> {
    let (left, right) = (call.args[0].clone(), call.args[1].clone());
    if let Some(resolved) = datetime::resolve(&left, &right, &operation) {
        return resolved;
    }
    let (left, right) = promote_strings(left, right, &operation)?;
    numeric(left, right, &operation)
}

/// Strings become numbers: those of the other operand in ANSI mode, doubles otherwise.
fn promote_strings(left: Typed, right: Typed, operation: &Operation<'_>) -> Result<(Typed, Typed)> {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    let env = operation.env;
    let promote = |typed: Typed, other: &DataType| {
        if typed.data_type != DataType::Utf8 {
            return Ok(typed);
        }
        let to = match other {
            other if datetime::is_interval(other) => return Ok(typed),
            _ if !env.ansi => DataType::Float64,
            other if is_integral(other) => DataType::Int64,
            other if is_numeric(other) => DataType::Float64,
            _ => return Ok(typed),
        };
        // Spark's `TryEval` is round the casts too.
        if operation.mode == EvalMode::Try {
            let own = typed.name.clone();
            return Ok(cast(typed, &to, EvalMode::Try, env)?.named(own));
        }
        cast_silently(typed, &to, env)
    };
    Ok((promote(left, &r)?, promote(right, &l)?))
}

fn numeric(left: Typed, right: Typed, operation: &Operation<'_>) -> Result<Typed> {
    let (l, r) = (left.data_type.clone(), right.data_type.clone());
    let (op, env) = (operation.op, operation.env);
    let number_or_null = |t: &DataType| is_numeric(t) || t == &DataType::Null;
    if !number_or_null(&l) || !number_or_null(&r) {
        return Err(wrong_types(&left, &right, operation));
    }
    if op == Op::IntegralDivide && (is_float(&l) || is_float(&r)) {
        let long = |typed: Typed| match is_integral(&typed.data_type) {
            true => Typed { data_type: DataType::Int64, ..typed },
            false => typed,
        };
        return Err(wrong_types(&long(left), &long(right), operation));
    }
    if is_decimal(&l) || is_decimal(&r) {
        if is_float(&l) || is_float(&r) {
            let to = DataType::Float64;
            let (left, right) = (cast_silently(left, &to, env)?, cast_silently(right, &to, env)?);
            return same_type(left, right, operation);
        }
        let (left, right) = (as_decimal(left, &r, env)?, as_decimal(right, &l, env)?);
        return decimal::resolve(left, right, operation);
    }
    let to = match op {
        Op::Divide => DataType::Float64,
        Op::IntegralDivide => DataType::Int64,
        _ => match coerce::common_type(&l, &r, env) {
            Some(DataType::Null) => DataType::Float64,
            Some(common) => common,
            None => return Err(wrong_types(&left, &right, operation)),
        },
    };
    same_type(cast_silently(left, &to, env)?, cast_silently(right, &to, env)?, operation)
}

/// The tightest decimal of an integer literal, where it may be one.
fn tightest(typed: &Typed, env: &Env) -> Option<(u8, i8)> {
    if env.legacy.wide_literals {
        return None;
    }
    typed.written_literal().and_then(coerce::decimal_of_literal)
}

/// An operand beside a decimal as decimal; integer literals as tight as they are.
fn as_decimal(typed: Typed, other: &DataType, env: &Env) -> Result<Typed> {
    let to = match &typed.data_type {
        DataType::Decimal128(..) => return Ok(typed),
        DataType::Null => other.clone(),
        data_type => {
            let literal = tightest(&typed, env);
            let (precision, scale) = literal.or_else(|| coerce::decimal_of(data_type)).unwrap_or((38, 18));
            DataType::Decimal128(precision, scale)
        }
    };
    let exact = coerce::decimal_of(&typed.data_type);
    let tight = tightest(&typed, env).is_some() && exact.is_some();
    let mut typed = cast_silently(typed, &to, env)?;
    if tight {
        // Spark marks the cast as one that can give NULL, which its schema shows.
        typed.nullable = true;
    }
    Ok(typed)
}

/// Both operands have the type in which the operation is done.
fn same_type(left: Typed, right: Typed, operation: &Operation<'_>) -> Result<Typed> {
    let to = left.data_type.clone();
    if is_float(&to) {
        return Ok(match operation.op {
            Op::Add => operation.plain(left, Operator::Plus, right),
            Op::Subtract => operation.plain(left, Operator::Minus, right),
            Op::Multiply => operation.plain(left, Operator::Multiply, right),
            Op::Divide if is_nonzero_literal(&right) => operation.plain(left, Operator::Divide, right),
            _ => operation.kernel(left, right, to, float::kernel),
        });
    }
    let wraps = operation.mode == EvalMode::Legacy;
    Ok(match operation.op {
        Op::Add if wraps => operation.plain(left, Operator::Plus, right),
        Op::Subtract if wraps => operation.plain(left, Operator::Minus, right),
        Op::Multiply if wraps => operation.plain(left, Operator::Multiply, right),
        _ => operation.kernel(left, right, to, integer::kernel),
    })
}

fn is_nonzero_literal(typed: &Typed) -> bool {
    use datafusion::scalar::ScalarValue;
    match &typed.expr {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => *value != 0.0,
        Expr::Cast(cast) => {
            matches!(cast.expr.as_ref(), Expr::Literal(value, _) if !value.is_null()
                && value.cast_to(&DataType::Float64).is_ok_and(|value| value != ScalarValue::Float64(Some(0.0))
                    && value != ScalarValue::Float64(Some(-0.0))))
        }
        _ => false,
    }
}

fn wrong_types(left: &Typed, right: &Typed, operation: &Operation<'_>) -> SparkError {
    let label = format!("\"{}\"", operation.label);
    // In ANSI mode a text beside another atomic type is one of that type.
    let beside_text = match (&left.data_type, &right.data_type) {
        (DataType::Utf8, other) if other != &DataType::Utf8 => Some(right),
        (other, DataType::Utf8) if other != &DataType::Utf8 => Some(left),
        _ => None,
    };
    let beside_text = beside_text
        .filter(|other| operation.env.ansi && !other.data_type.is_nested() && !datetime::is_interval(&other.data_type));
    if let Some(other) = beside_text {
        if matches!(other.data_type, DataType::Time64(_)) && !operation.env.time_type {
            return SparkError::new("UNSUPPORTED_TIME_TYPE");
        }
        return SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
            .with("sqlExpr", label)
            .with("inputType", operation.op.required())
            .with(
                "actualDataType",
                if other.data_type.is_null() { "\"STRING\"".into() } else { format!("\"{}\"", other.sql_type()) },
            );
    }
    if left.data_type == right.data_type {
        SparkError::new("DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE")
            .with("sqlExpr", label)
            .with("inputType", operation.op.required())
            .with("actualDataType", format!("\"{}\"", left.sql_type()))
    } else {
        // Integers are BIGINT beside `div`.
        let shown = |typed: &Typed| match operation.op == Op::IntegralDivide && coerce::is_integral(&typed.data_type) {
            true => "\"BIGINT\"".to_string(),
            false => format!("\"{}\"", typed.sql_type()),
        };
        SparkError::new("DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
            .with("sqlExpr", label)
            .with("left", shown(left))
            .with("right", shown(right))
    }
}
