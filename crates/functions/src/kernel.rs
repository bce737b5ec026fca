//! Functions of our own as DataFusion functions: a name, a kernel over Arrow arrays and settings.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::scalar::ScalarValue;
use firesteel_protocol::{Result, SparkError};

use crate::{Call, Env, Typed};

/// Computes a function for a batch.
pub type Kernel = fn(&KernelArgs<'_>) -> Result<ArrayRef>;

/// What a kernel is given. Every array has `rows` rows; constant arguments stay scalar until asked for.
#[derive(Debug)]
pub struct KernelArgs<'a> {
    pub args: &'a [ColumnarValue],
    /// Rows of the batch; 1 when all arguments are constant.
    pub rows: usize,
    pub env: &'a Env,
    /// The type that the kernel must return.
    pub return_type: &'a DataType,
    /// A setting of this call, see [`Call::kernel_with`].
    pub param: &'a str,
}

impl KernelArgs<'_> {
    /// Argument `index` as an array of `rows` rows.
    pub fn array(&self, index: usize) -> Result<ArrayRef> {
        self.args[index].to_array(self.rows).map_err(from_datafusion)
    }

    /// All arguments as arrays of `rows` rows.
    pub fn arrays(&self) -> Result<Vec<ArrayRef>> {
        (0..self.args.len()).map(|index| self.array(index)).collect()
    }

    /// Argument `index` if it is constant in this batch: parse patterns and formats once.
    pub fn scalar(&self, index: usize) -> Option<&ScalarValue> {
        match &self.args[index] {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        }
    }

    /// A constant string argument: `Some(None)` is a constant NULL.
    pub fn scalar_str(&self, index: usize) -> Option<Option<&str>> {
        self.scalar(index).map(|value| value.try_as_str().flatten())
    }
}

/// A kernel with its settings as DataFusion function.
#[derive(Debug)]
struct KernelFunction {
    name: &'static str,
    /// Tells calls apart whose names would be long.
    id: u64,
    kernel: Kernel,
    return_type: DataType,
    nullable: bool,
    volatility: Volatility,
    env: Env,
    param: String,
    signature: Signature,
    /// Values that were there and came out as NULL, of casts that do not fail.
    lost: AtomicU64,
}

impl PartialEq for KernelFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.param == other.param
            && self.return_type == other.return_type
            && self.nullable == other.nullable
            && self.env == other.env
    }
}

impl Eq for KernelFunction {}

impl Hash for KernelFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.param.hash(state);
        self.return_type.hash(state);
    }
}

impl KernelFunction {
    fn labelled(&self, args: &str) -> String {
        if self.param.is_empty() {
            format!("{}({args})", self.name)
        } else {
            format!("{}[{}]({args})", self.name, self.param)
        }
    }
}

/// Whether an expression has few levels. DataFusion asks for the name of every call in a nest of them, at every step; that of a
/// deep one says which call it is, not all that it consists of.
fn is_shallow(expr: &Expr, levels: usize) -> bool {
    let mut shallow = levels > 0;
    if shallow {
        let _ = expr.apply_children(|child| {
            shallow = is_shallow(child, levels - 1);
            Ok(if shallow { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        });
    }
    shallow
}

/// Functions that yield NULL for any NULL, by name.
const STRICT: [&str; 4] = ["ansi_arithmetic", "spark_arithmetic", "ansi_cast", "spark_cast"];

/// The kernel of casts that make NULL of what does not fit.
const CAST: &str = "spark_cast";

/// How many more NULLs come out than went in.
fn lost(arg: &ColumnarValue, result: &ArrayRef) -> u64 {
    let before = match arg {
        ColumnarValue::Array(array) => array.logical_null_count(),
        ColumnarValue::Scalar(value) if value.is_null() => result.len(),
        ColumnarValue::Scalar(_) => 0,
    };
    result.null_count().saturating_sub(before) as u64
}

/// How many values this cast has made NULL so far; 0 for any other expression.
pub(crate) fn lost_in(expr: &Arc<dyn PhysicalExpr>) -> u64 {
    let function = expr.downcast_ref::<ScalarFunctionExpr>().map(|call| call.fun().inner());
    let kernel = function.and_then(|function| function.downcast_ref::<KernelFunction>());
    kernel.map_or(0, |kernel| kernel.lost.load(Ordering::Relaxed))
}

/// DataFusion's optimizer asks what a predicate yields for NULLs by a column of this name without a type, which kernels
/// of numbers do not expect.
fn is_stand_in(field: &FieldRef) -> bool {
    field.name() == "?" && field.data_type() == &DataType::Null
}

impl ScalarUDFImpl for KernelFunction {
    fn name(&self) -> &str {
        self.name
    }

    /// With the setting, so that calls that differ only in it have different names in a plan.
    fn display_name(&self, args: &[Expr]) -> datafusion::common::Result<String> {
        self.schema_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> datafusion::common::Result<String> {
        if !args.iter().all(|arg| is_shallow(arg, 4)) {
            return Ok(self.labelled(&format!("..#{}", self.id)));
        }
        let names: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        Ok(self.labelled(&names.join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion::common::Result<DataType> {
        Ok(self.return_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> datafusion::common::Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name, self.return_type.clone(), self.nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::common::Result<ColumnarValue> {
        // No rows, no evaluation: a branch of CASE that no row takes must not fail.
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(&self.return_type)));
        }
        if STRICT.contains(&self.name) && args.arg_fields.iter().any(is_stand_in) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&self.return_type)?));
        }
        let constant = self.volatility != Volatility::Volatile
            && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let kernel_args =
            KernelArgs { args: &args.args, rows, env: &self.env, return_type: &self.return_type, param: &self.param };
        let array = (self.kernel)(&kernel_args).map_err(|error| to_datafusion(self.env.place.raised(error)))?;
        if self.name == CAST {
            self.lost.fetch_add(lost(&args.args[0], &array), Ordering::Relaxed);
        }
        debug_assert_eq!(array.data_type(), &self.return_type, "kernel `{}` returned another type", self.name);
        if constant && array.len() == 1 {
            // Arrow's own way would lose the metadata of the element's field.
            if let DataType::List(_) = array.data_type() {
                return Ok(ColumnarValue::Scalar(ScalarValue::List(Arc::new(array.as_list::<i32>().clone()))));
            }
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// The setting and the result's type of a function of ours: what plans are shown with.
#[must_use]
pub fn setting_of(function: &ScalarUDF) -> Option<(&str, &DataType)> {
    function.inner().downcast_ref::<KernelFunction>().map(|own| (own.param.as_str(), &own.return_type))
}

/// An expression that calls a kernel with these arguments.
pub fn kernel_expr(
    name: &'static str,
    args: Vec<Expr>,
    return_type: DataType,
    nullable: bool,
    volatility: Volatility,
    env: &Env,
    param: String,
    kernel: Kernel,
) -> Expr {
    let signature = if args.is_empty() { Signature::nullary(volatility) } else { Signature::variadic_any(volatility) };
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let function = KernelFunction {
        name,
        id,
        kernel,
        return_type,
        nullable,
        volatility,
        env: env.clone(),
        param,
        signature,
        lost: AtomicU64::new(0),
    };
    ScalarUDF::from(function).call(args)
}

impl Call<'_> {
    /// The call as an immutable kernel over `args` as they are.
    pub fn kernel(&self, name: &'static str, return_type: DataType, nullable: bool, kernel: Kernel) -> Typed {
        self.kernel_with(name, return_type, nullable, String::new(), kernel)
    }

    /// [`Call::kernel`] with a setting that the kernel reads as [`KernelArgs::param`].
    pub fn kernel_with(
        &self,
        name: &'static str,
        return_type: DataType,
        nullable: bool,
        param: String,
        kernel: Kernel,
    ) -> Typed {
        let args = self.args.iter().map(|arg| arg.expr.clone()).collect();
        let expr =
            kernel_expr(name, args, return_type.clone(), nullable, Volatility::Immutable, self.env, param, kernel);
        Typed::new(expr, self.display(), return_type, nullable)
    }

    /// Any argument may be NULL.
    pub fn any_nullable(&self) -> bool {
        self.args.iter().any(|arg| arg.nullable)
    }

    /// A function of DataFusion or datafusion-spark over `args` as they are; what it yields is cast to
    /// `return_type`'s Arrow form where it differs (views, say).
    pub fn datafusion(&self, function: &Arc<ScalarUDF>, return_type: DataType, nullable: bool) -> Typed {
        let expr = function.call(self.args.iter().map(|arg| arg.expr.clone()).collect());
        Typed::new(crate::coerce::plain_cast(expr, &return_type), self.display(), return_type, nullable)
    }
}

/// Carries an error through DataFusion.
pub fn to_datafusion(error: SparkError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Finds the Spark error inside one of DataFusion's or Arrow's, or words one.
pub fn from_datafusion(error: DataFusionError) -> SparkError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<SparkError>() {
            Ok(error) => *error,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => from_datafusion(*inner),
                Err(inner) => SparkError::internal(inner.to_string()).with_source(inner),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => from_datafusion(errors.swap_remove(0)),
        DataFusionError::Shared(inner) => shared(&inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::ResourcesExhausted(message) => out_of_memory(&message),
        DataFusionError::Execution(message) if message.contains("Scalar subquery returned more than one row") => {
            SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS")
        }
        DataFusionError::NotImplemented(message) if message.contains("OuterReferenceColumn") => {
            SparkError::unsupported(
                "a subquery here that reads columns of the query around it",
                "Select the subquery under a name in a query of FROM, and use the name here.",
            )
        }
        other => SparkError::internal(other.to_string()).with_source(other),
    }
}

/// The Spark error inside one of Arrow's, or words one.
pub fn from_arrow(error: arrow::error::ArrowError) -> SparkError {
    use arrow::error::ArrowError;
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
            Ok(inner) => from_datafusion(*inner),
            Err(inner) => match inner.downcast::<SparkError>() {
                Ok(inner) => *inner,
                Err(inner) => SparkError::internal(inner.to_string()).with_source(inner),
            },
        },
        ArrowError::DivideByZero => SparkError::new("DIVIDE_BY_ZERO").with("config", "\"spark.sql.ansi.enabled\""),
        ArrowError::ArithmeticOverflow(message) => SparkError::new("ARITHMETIC_OVERFLOW")
            .with("message", message)
            .with("alternative", "")
            .with("config", "\"spark.sql.ansi.enabled\""),
        other => SparkError::internal(other.to_string()).with_source(other),
    }
}

fn out_of_memory(message: &str) -> SparkError {
    SparkError::new("UNABLE_TO_ACQUIRE_MEMORY").with_message(format!("Unable to acquire memory: {message}"))
}

/// An error that several partitions share cannot be taken apart: its words are copied.
fn shared(error: &Arc<DataFusionError>) -> SparkError {
    if let DataFusionError::ResourcesExhausted(message) = error.find_root() {
        return out_of_memory(message);
    }
    let mut cause: &(dyn std::error::Error + 'static) = error.as_ref();
    loop {
        if let Some(found) = cause.downcast_ref::<SparkError>() {
            return found.copied();
        }
        match cause.source() {
            Some(source) => cause = source,
            None if error.to_string().contains("Scalar subquery returned more than one row") => {
                return SparkError::new("SCALAR_SUBQUERY_TOO_MANY_ROWS");
            }
            None => return SparkError::internal(error.to_string()),
        }
    }
}
