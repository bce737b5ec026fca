//! Functions with lambdas as DataFusion functions: a kernel over value arguments and lambdas.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::expr::{HigherOrderFunction, Lambda};
use datafusion::logical_expr::{
    ColumnarValue, Expr, HigherOrderFunctionArgs, HigherOrderReturnFieldArgs, HigherOrderSignature, HigherOrderUDF,
    HigherOrderUDFImpl, LambdaArgument, LambdaParametersProgress, ValueOrLambda, Volatility,
};
use firesteel_protocol::{Result, SparkError};

use super::super::list::{bounds, retyped};
use crate::kernel::{from_arrow, from_datafusion, to_datafusion};
use crate::{Call, Env, LambdaBody, Lambdas, Typed};

/// Computes a function with lambdas for a batch.
pub type Kernel = fn(&Args) -> Result<ArrayRef>;

/// What a kernel is given.
pub struct Args<'a> {
    /// Value arguments, `rows` rows each.
    pub values: Vec<ArrayRef>,
    lambdas: Vec<&'a LambdaArgument>,
    params: &'a [Vec<FieldRef>],
    pub rows: usize,
    pub env: &'a Env,
    pub return_type: &'a DataType,
}

impl Args<'_> {
    /// Evaluates lambda `index`. `params` have one entry for each evaluation, `outer` says of which row it is.
    pub fn evaluate(&self, index: usize, params: Vec<ArrayRef>, outer: &UInt64Array) -> Result<ArrayRef> {
        let fields = &self.params[index];
        let params = params
            .into_iter()
            .zip(fields)
            .map(|(param, field)| retyped(param, field.data_type()))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let given: Vec<Box<dyn Fn() -> DfResult<ArrayRef>>> = params
            .into_iter()
            .map(|param| Box::new(move || Ok(Arc::clone(&param))) as Box<dyn Fn() -> DfResult<ArrayRef>>)
            .collect();
        let given: Vec<&dyn Fn() -> DfResult<ArrayRef>> = given.iter().map(AsRef::as_ref).collect();
        let spread = |captures: &[ArrayRef]| {
            captures.iter().map(|column| Ok(take(column, outer, None)?)).collect::<DfResult<Vec<_>>>()
        };
        let value = self.lambdas[index].evaluate(&given, spread).map_err(from_datafusion)?;
        value.into_array(outer.len()).map_err(from_datafusion)
    }

    /// Value argument `index` as list array.
    pub fn list(&self, index: usize) -> Result<ListArray> {
        let array = &self.values[index];
        array
            .as_any()
            .downcast_ref::<ListArray>()
            .cloned()
            .ok_or_else(|| SparkError::internal(format!("expected an array, got {}", array.data_type())))
    }
}

/// The elements of the rows of a list that are not NULL, side by side.
pub struct Elements {
    /// Places in the list's values.
    pub places: UInt64Array,
    /// The row of each element.
    pub outer: UInt64Array,
    /// Its index in its array.
    pub indexes: Vec<i32>,
    /// How many elements each row has; 0 for NULL.
    pub lengths: Vec<usize>,
}

impl Elements {
    pub fn of(list: &ListArray) -> Self {
        Self::of_rows(list.len(), |row| if list.is_valid(row) { bounds(list, row) } else { 0..0 })
    }

    pub fn of_rows(rows: usize, bounds: impl Fn(usize) -> std::ops::Range<usize>) -> Self {
        let (mut places, mut outer, mut indexes, mut lengths) = (vec![], vec![], vec![], Vec::with_capacity(rows));
        for row in 0..rows {
            let bounds = bounds(row);
            lengths.push(bounds.len());
            for (index, at) in bounds.enumerate() {
                places.push(at as u64);
                outer.push(row as u64);
                indexes.push(index as i32);
            }
        }
        Self { places: places.into(), outer: outer.into(), indexes, lengths }
    }

    pub fn values(&self, pool: &ArrayRef) -> Result<ArrayRef> {
        take(pool, &self.places, None).map_err(from_arrow)
    }
}

#[derive(Debug)]
struct LambdaFunction {
    name: &'static str,
    kernel: Kernel,
    return_type: DataType,
    nullable: bool,
    /// Of each lambda.
    params: Vec<Vec<FieldRef>>,
    env: Env,
    signature: HigherOrderSignature,
}

impl PartialEq for LambdaFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.return_type == other.return_type
            && self.nullable == other.nullable
            && self.params == other.params
            && self.env == other.env
    }
}

impl Eq for LambdaFunction {}

impl Hash for LambdaFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.return_type.hash(state);
    }
}

impl HigherOrderUDFImpl for LambdaFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &HigherOrderSignature {
        &self.signature
    }

    fn lambda_parameters(
        &self,
        _: usize,
        _: &[ValueOrLambda<FieldRef, Option<FieldRef>>],
    ) -> DfResult<LambdaParametersProgress> {
        Ok(LambdaParametersProgress::Complete(self.params.clone()))
    }

    fn return_field_from_args(&self, _: HigherOrderReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name, self.return_type.clone(), self.nullable)))
    }

    fn invoke_with_args(&self, args: HigherOrderFunctionArgs) -> DfResult<ColumnarValue> {
        let (mut values, mut lambdas) = (vec![], vec![]);
        for arg in &args.args {
            match arg {
                ValueOrLambda::Value(value) => values.push(value.to_array(args.number_rows)?),
                ValueOrLambda::Lambda(lambda) => lambdas.push(lambda),
            }
        }
        let kernel_args = Args {
            values,
            lambdas,
            params: &self.params,
            rows: args.number_rows,
            env: &self.env,
            return_type: &self.return_type,
        };
        (self.kernel)(&kernel_args).map(ColumnarValue::Array).map_err(to_datafusion)
    }
}

/// Collects the lambdas of a call and makes its expression.
pub struct Builder<'a, 'b> {
    call: &'a Call<'b>,
    lambdas: &'a dyn Lambdas,
    bodies: Vec<LambdaBody>,
    params: Vec<Vec<FieldRef>>,
}

impl<'a, 'b> Builder<'a, 'b> {
    pub fn new(call: &'a Call<'b>, lambdas: &'a dyn Lambdas) -> Self {
        Self { call, lambdas, bodies: vec![], params: vec![] }
    }

    /// Resolves the next lambda; what it names beyond `params` is an error.
    pub fn lambda(&mut self, params: &[Field]) -> Result<&Typed> {
        let index = self.bodies.len();
        let given = self.lambdas.arity(index).unwrap_or(params.len());
        if given != params.len() {
            return Err(SparkError::new("INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH")
                .with("expectedNumArgs", given.to_string())
                .with("actualNumArgs", params.len().to_string()));
        }
        let body = self.lambdas.resolve(index, params)?;
        let field = |(name, param): (&String, &Field)| {
            Arc::new(Field::new(name, param.data_type().clone(), param.is_nullable()))
        };
        self.params.push(body.params.iter().zip(params).map(field).collect());
        self.bodies.push(body);
        Ok(&self.bodies[index].body)
    }

    /// Casts the body of lambda `index` as Spark does by itself; a mismatch is the caller's to word.
    pub fn coerce_body(&mut self, index: usize, to: &DataType) -> Option<()> {
        let body = self.bodies[index].body.clone();
        let name = body.name.clone();
        self.bodies[index].body = crate::coerce::implicit_cast(body, to, self.call.env)?.named(name);
        Some(())
    }

    /// The call's expression and name: value arguments first, as Spark prints them.
    pub fn finish(self, name: &'static str, return_type: DataType, nullable: bool, kernel: Kernel) -> Typed {
        let mut words: Vec<String> = self.call.args.iter().map(|arg| arg.name.clone()).collect();
        words.extend(self.bodies.iter().map(|lambda| lambda_name(&lambda.body.name, lambda.params.len())));
        let display = format!("{}({})", self.call.name, words.join(", "));
        let mut args: Vec<Expr> = self.call.args.iter().map(|arg| arg.expr.clone()).collect();
        args.extend(self.bodies.into_iter().map(|lambda| Expr::Lambda(Lambda::new(lambda.params, lambda.body.expr))));
        let function = LambdaFunction {
            name,
            kernel,
            return_type: return_type.clone(),
            nullable,
            params: self.params,
            env: self.call.env.clone(),
            signature: HigherOrderSignature::variadic_any(Volatility::Immutable),
        };
        let func = Arc::new(HigherOrderUDF::from(function));
        let expr = Expr::HigherOrderFunction(HigherOrderFunction::new(func, args));
        Typed::new(expr, display, return_type, nullable)
    }
}

/// `lambdafunction(body, namedlambdavariable(), ...)`.
pub fn lambda_name(body: &str, params: usize) -> String {
    format!("lambdafunction({body}{})", ", namedlambdavariable()".repeat(params))
}
