//! A user function, and its call as a marker inside an expression until [`super::extract`] takes it out.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use bytes::Bytes;
use datafusion::common::{Result as DataFusionResult, not_impl_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// PySpark's numbers of what a function takes and gives: `PythonEvalType`.
pub mod eval_type {
    pub const BATCHED: i32 = 100;
    pub const ARROW_BATCHED: i32 = 101;
    pub const SCALAR_PANDAS: i32 = 200;
    pub const GROUPED_MAP_PANDAS: i32 = 201;
    pub const GROUPED_AGG_PANDAS: i32 = 202;
    pub const WINDOW_AGG_PANDAS: i32 = 203;
    pub const SCALAR_PANDAS_ITER: i32 = 204;
    pub const MAP_PANDAS_ITER: i32 = 205;
    pub const COGROUPED_MAP_PANDAS: i32 = 206;
    pub const MAP_ARROW_ITER: i32 = 207;
    pub const GROUPED_MAP_PANDAS_WITH_STATE: i32 = 208;
    pub const GROUPED_MAP_ARROW: i32 = 209;
    pub const COGROUPED_MAP_ARROW: i32 = 210;
    pub const TRANSFORM_WITH_STATE_PANDAS: i32 = 211;
    pub const TRANSFORM_WITH_STATE_PANDAS_INITIAL: i32 = 212;
    pub const TRANSFORM_WITH_STATE_ROW: i32 = 213;
    pub const TRANSFORM_WITH_STATE_ROW_INITIAL: i32 = 214;
    pub const GROUPED_MAP_ARROW_ITER: i32 = 215;
    pub const GROUPED_MAP_PANDAS_ITER: i32 = 216;
    pub const GROUPED_AGG_PANDAS_ITER: i32 = 217;
    pub const SCALAR_ARROW: i32 = 250;
    pub const SCALAR_ARROW_ITER: i32 = 251;
    pub const GROUPED_AGG_ARROW: i32 = 252;
    pub const WINDOW_AGG_ARROW: i32 = 253;
    pub const GROUPED_AGG_ARROW_ITER: i32 = 254;
    pub const TABLE: i32 = 300;
    pub const ARROW_TABLE: i32 = 301;
    pub const ARROW_UDTF: i32 = 302;

    /// One value a row.
    pub fn is_scalar(number: i32) -> bool {
        matches!(
            number,
            BATCHED | ARROW_BATCHED | SCALAR_PANDAS | SCALAR_PANDAS_ITER | SCALAR_ARROW | SCALAR_ARROW_ITER
        )
    }

    /// One value a group.
    pub fn is_aggregate(number: i32) -> bool {
        matches!(number, GROUPED_AGG_PANDAS | GROUPED_AGG_PANDAS_ITER | GROUPED_AGG_ARROW | GROUPED_AGG_ARROW_ITER)
    }

    /// Takes an iterator of batches: neither shares a worker's task with others nor is chained.
    pub fn is_iterator(number: i32) -> bool {
        matches!(number, SCALAR_PANDAS_ITER | SCALAR_ARROW_ITER | GROUPED_AGG_PANDAS_ITER | GROUPED_AGG_ARROW_ITER)
    }

    /// A `StatefulProcessor`.
    pub fn is_processor(number: i32) -> bool {
        (TRANSFORM_WITH_STATE_PANDAS..=TRANSFORM_WITH_STATE_ROW_INITIAL).contains(&number)
    }

    /// Needs pandas in the worker.
    pub fn is_pandas(number: i32) -> bool {
        matches!(
            number,
            SCALAR_PANDAS
                | GROUPED_MAP_PANDAS
                | GROUPED_MAP_PANDAS_WITH_STATE
                | TRANSFORM_WITH_STATE_PANDAS
                | TRANSFORM_WITH_STATE_PANDAS_INITIAL
                | GROUPED_AGG_PANDAS
                | WINDOW_AGG_PANDAS
                | SCALAR_PANDAS_ITER
                | MAP_PANDAS_ITER
                | COGROUPED_MAP_PANDAS
                | GROUPED_MAP_PANDAS_ITER
                | GROUPED_AGG_PANDAS_ITER
        )
    }
}

/// A user function as the client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonFunction {
    pub name: String,
    pub eval_type: i32,
    /// Pickled `(function, return type)`.
    pub command: Bytes,
    /// Python that pickled it, e.g. `3.11`.
    pub python: String,
    /// What it returns; for functions over tables a struct.
    pub data_type: DataType,
    pub deterministic: bool,
}

/// A user function that makes tables, as the client sent it: a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonTableFunction {
    pub name: String,
    pub eval_type: i32,
    /// The pickled class.
    pub command: Bytes,
    pub python: String,
    /// A struct of its columns; None asks the class's `analyze`.
    pub data_type: Option<DataType>,
    pub deterministic: bool,
}

/// A data source in Python, as the client registered it: a class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PythonDataSource {
    pub name: String,
    /// The pickled class.
    pub command: Bytes,
    pub python: String,
}

/// A call: the function, which arguments go by keyword.
#[derive(Debug, Clone)]
pub struct PythonUdf {
    pub function: Arc<PythonFunction>,
    pub keywords: Vec<Option<String>>,
    /// Calls of a function that is not deterministic are never the same.
    id: u64,
    signature: Signature,
}

impl PythonUdf {
    /// The call as an expression.
    pub fn call(function: Arc<PythonFunction>, keywords: Vec<Option<String>>, args: Vec<Expr>) -> Expr {
        let id = if function.deterministic { 0 } else { crate::attribute::next_id() };
        // Volatile: nothing evaluates, folds or moves it before it is taken out.
        let signature = if args.is_empty() {
            Signature::nullary(Volatility::Volatile)
        } else {
            Signature::variadic_any(Volatility::Volatile)
        };
        ScalarUDF::from(Self { function, keywords, id, signature }).call(args)
    }

    /// The call that an expression is.
    pub fn of(expr: &Expr) -> Option<(&Self, &[Expr])> {
        match expr {
            Expr::ScalarFunction(call) => {
                let inner: &dyn std::any::Any = call.func.inner().as_ref();
                let inner = inner.downcast_ref::<Self>()?;
                Some((inner, &call.args))
            }
            _ => None,
        }
    }
}

impl PartialEq for PythonUdf {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.function == other.function && self.keywords == other.keywords
    }
}

impl Eq for PythonUdf {}

impl Hash for PythonUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.function.hash(state);
        self.keywords.hash(state);
    }
}

impl ScalarUDFImpl for PythonUdf {
    fn name(&self) -> &str {
        &self.function.name
    }

    /// With what tells functions of one name apart.
    fn schema_name(&self, args: &[Expr]) -> DataFusionResult<String> {
        let args: Vec<String> = args.iter().map(|arg| arg.schema_name().to_string()).collect();
        let own = Arc::as_ptr(&self.function) as usize;
        Ok(format!("{}[{own:x},{}]({})", self.function.name, self.id, args.join(",")))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.function.data_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(Field::new(&self.function.name, self.function.data_type.clone(), true)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        not_impl_err!("the Python function {} at this place of a query", self.function.name)
    }
}
