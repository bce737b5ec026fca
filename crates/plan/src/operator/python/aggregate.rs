//! A function of one value a group, as it stands in an expression until [`super::extract`] takes it out.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DataFusionResult, not_impl_err};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility, WindowFunctionDefinition,
};

use super::function::PythonFunction;

/// A call: the function, which arguments go by keyword.
#[derive(Debug, Clone)]
pub struct PythonAggregate {
    pub function: Arc<PythonFunction>,
    pub keywords: Vec<Option<String>>,
    /// The function's name with what tells it from others of that name.
    label: String,
    signature: Signature,
}

impl PythonAggregate {
    /// The call as an expression.
    pub fn call(function: Arc<PythonFunction>, keywords: Vec<Option<String>>, args: Vec<Expr>, distinct: bool) -> Expr {
        let signature = if args.is_empty() {
            Signature::nullary(Volatility::Volatile)
        } else {
            Signature::variadic_any(Volatility::Volatile)
        };
        let mut hasher = DefaultHasher::new();
        function.hash(&mut hasher);
        let label = format!("{}[{:x}]", function.name, hasher.finish());
        let function = Arc::new(AggregateUDF::from(Self { function, keywords, label, signature }));
        Expr::AggregateFunction(AggregateFunction::new_udf(function, args, distinct, None, vec![], None))
    }

    /// The function of an aggregate call, aliases looked through.
    pub fn of(expr: &Expr) -> Option<(&Self, &AggregateFunction)> {
        match expr {
            Expr::Alias(alias) => Self::of(&alias.expr),
            Expr::AggregateFunction(call) => {
                let inner: &dyn std::any::Any = call.func.inner().as_ref();
                Some((inner.downcast_ref::<Self>()?, call))
            }
            _ => None,
        }
    }

    /// The function of a call over a window, aliases looked through.
    pub fn over(expr: &Expr) -> Option<(&Self, &WindowFunction)> {
        match expr {
            Expr::Alias(alias) => Self::over(&alias.expr),
            Expr::WindowFunction(window) => match &window.fun {
                WindowFunctionDefinition::AggregateUDF(function) => {
                    let inner: &dyn std::any::Any = function.inner().as_ref();
                    Some((inner.downcast_ref::<Self>()?, window.as_ref()))
                }
                WindowFunctionDefinition::WindowUDF(_) => None,
            },
            _ => None,
        }
    }
}

impl PartialEq for PythonAggregate {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.keywords == other.keywords
    }
}

impl Eq for PythonAggregate {}

impl Hash for PythonAggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
        self.keywords.hash(state);
    }
}

impl AggregateUDFImpl for PythonAggregate {
    fn name(&self) -> &str {
        &self.label
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.function.data_type.clone())
    }

    fn return_field(&self, _: &[FieldRef]) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(Field::new(&self.function.name, self.function.data_type.clone(), true)))
    }

    fn state_fields(&self, _: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![])
    }

    fn accumulator(&self, _: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        not_impl_err!("the Python function {} at this place of a query", self.function.name)
    }
}
