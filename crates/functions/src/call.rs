//! A call of a function with resolved arguments: what a builder is given.

use arrow::datatypes::{Field, FieldRef};
use datafusion::logical_expr::Expr;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::{Env, Typed, arity};

/// A call of a function. Builders read it and give a [`Typed`]; helpers here word the errors as Spark does.
#[derive(Debug)]
pub struct Call<'a> {
    /// The function's name as Spark prints it: the name in the table, unless Spark keeps the user's word.
    pub name: &'a str,
    pub args: Vec<Typed>,
    pub distinct: bool,
    /// `IGNORE NULLS` was said.
    pub ignore_nulls: bool,
    pub env: &'a Env,
}

/// A table generating function: `list` yields one array of structs a row, its elements become rows.
#[derive(Debug)]
pub struct Generator {
    /// Type `List<Struct<fields>>`.
    pub list: Expr,
    /// Output columns with Spark's default names (`col`, `pos`, `key`, `value`, ...).
    pub fields: Vec<FieldRef>,
    /// Keeps rows without elements, as NULLs.
    pub outer: bool,
}

/// The lambda arguments of a higher-order function, resolved once their parameter types are known.
pub trait Lambdas {
    /// Whether the call has lambda `index` (counted among lambdas, from 0).
    fn given(&self, index: usize) -> bool;
    /// How many parameters lambda `index` names; None for a plain value, which stands for a lambda that ignores them.
    fn arity(&self, index: usize) -> Option<usize>;
    /// Resolves the body of lambda `index` with parameters of these types and nullabilities; their names do not count.
    fn resolve(&self, index: usize, params: &[Field]) -> Result<LambdaBody>;
}

/// A resolved lambda. Its expression goes into DataFusion's `Expr::Lambda` with `params`.
#[derive(Debug)]
pub struct LambdaBody {
    /// Names of the lambda variables, unique in the query.
    pub params: Vec<String>,
    pub body: Typed,
}

impl Call<'_> {
    /// Spark's default output name: `name(arg, arg)`.
    pub fn display(&self) -> String {
        let args: Vec<&str> = self.args.iter().map(|arg| arg.name.as_str()).collect();
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        format!("{}({distinct}{})", self.name, args.join(", "))
    }

    /// Checks the number of arguments.
    pub fn arity(&self, expected: impl Into<Arity>) -> Result<()> {
        let expected = expected.into();
        let actual = self.args.len();
        if expected.holds(actual) { Ok(()) } else { Err(self.wrong_num_args(&expected.text(), actual)) }
    }

    fn wrong_num_args(&self, expected: &str, actual: usize) -> SparkError {
        let error = SparkError::new("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
            .with("functionName", name::quote(self.name))
            .with("expectedNum", expected)
            .with("actualNum", actual.to_string())
            .with("docroot", "https://spark.apache.org/docs/latest");
        // What Spark does not count at once it does not find in the text any more.
        if arity::is_counted(self.name) { error } else { error.placeless() }
    }

    /// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for argument `index` (from 0); `required` as in
    /// `"STRING"` or `("NUMERIC" or "INTERVAL")`.
    pub fn unexpected_type(&self, index: usize, required: &str) -> SparkError {
        let arg = &self.args[index];
        SparkError::new("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE")
            .with("sqlExpr", format!("\"{}\"", self.display()))
            .with("paramIndex", ordinal(index))
            .with("requiredType", required)
            .with("inputSql", format!("\"{}\"", arg.name))
            .with("inputType", format!("\"{}\"", arg.sql_type()))
    }

    /// The type that a constant is wanted of: simple arguments are cast before Spark looks at them.
    fn constant_type(&self, index: usize) -> String {
        let arg = &self.args[index];
        match parameter(self.name, index) {
            Some((_, to)) if !to.is_empty() && !arg.data_type.is_nested() => to.to_string(),
            _ => arg.sql_type(),
        }
    }

    /// Argument `index` as a constant of the query that Spark casts to `to`: what a text holds is read as it casts it.
    pub fn constant_as(
        &self,
        index: usize,
        to: &arrow::datatypes::DataType,
    ) -> Result<datafusion::scalar::ScalarValue> {
        let cast = self.coerce(index, to)?;
        match crate::constant::try_evaluate(&cast.expr) {
            Some(value) => value,
            None => self.constant(index).cloned(),
        }
    }

    /// Argument `index` as a constant of the query; `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT` otherwise.
    pub fn constant(&self, index: usize) -> Result<&datafusion::scalar::ScalarValue> {
        let arg = &self.args[index];
        arg.as_literal().ok_or_else(|| {
            SparkError::new("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT")
                .with("sqlExpr", format!("\"{}\"", self.display()))
                .with("inputName", name::quote(parameter(self.name, index).map_or(arg.name.as_str(), |known| known.0)))
                .with("inputType", format!("\"{}\"", self.constant_type(index)))
                .with(
                    "inputExpr",
                    if self.name == "lag" { format!("\"(- {})\"", arg.name) } else { format!("\"{}\"", arg.name) },
                )
        })
    }
}

/// What Spark calls a parameter that must be a constant, and the type that it is cast to; none where the type stays.
fn parameter(function: &str, index: usize) -> Option<(&'static str, &'static str)> {
    Some(match (function, index) {
        ("ntile", 0) => ("buckets", "INT"),
        ("nth_value" | "lag" | "lead", 1) => ("offset", "INT"),
        ("percentile" | "percentile_approx" | "approx_percentile", 1) => ("percentage", "DOUBLE"),
        ("histogram_numeric", 1) => ("nb", "INT"),
        ("percentile_cont" | "percentile_disc", 1) => ("percentage", "DOUBLE"),
        ("round" | "bround", 1) => ("scale", "INT"),
        ("reflect" | "java_method" | "try_reflect", 0) => ("class", "STRING"),
        ("reflect" | "java_method" | "try_reflect", 1) => ("method", "STRING"),
        ("schema_of_json", 0) => ("json", ""),
        ("schema_of_csv", 0) => ("csv", ""),
        ("schema_of_xml", 0) => ("xml", ""),
        _ => return None,
    })
}

/// Spark's words for a parameter's position.
pub fn ordinal(index: usize) -> String {
    const WORDS: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
    WORDS.get(index).map_or_else(|| format!("{}th", index + 1), |word| (*word).to_string())
}

/// How many arguments a function takes.
#[derive(Debug, Clone)]
pub enum Arity {
    Exactly(usize),
    OneOf(Vec<usize>),
    AtLeast(usize),
}

impl Arity {
    fn holds(&self, actual: usize) -> bool {
        match self {
            Self::Exactly(n) => actual == *n,
            Self::OneOf(ns) => ns.contains(&actual),
            Self::AtLeast(n) => actual >= *n,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Exactly(n) => n.to_string(),
            Self::OneOf(ns) => {
                let words: Vec<String> = ns.iter().map(usize::to_string).collect();
                format!("[{}]", words.join(", "))
            }
            Self::AtLeast(n) => format!("> {}", n.saturating_sub(1)),
        }
    }
}

impl From<usize> for Arity {
    fn from(n: usize) -> Self {
        Self::Exactly(n)
    }
}

impl From<std::ops::RangeInclusive<usize>> for Arity {
    fn from(range: std::ops::RangeInclusive<usize>) -> Self {
        Self::OneOf(range.collect())
    }
}

impl From<std::ops::RangeFrom<usize>> for Arity {
    fn from(range: std::ops::RangeFrom<usize>) -> Self {
        Self::AtLeast(range.start)
    }
}
