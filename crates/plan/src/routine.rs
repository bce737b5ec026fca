//! Functions that the user wrote in SQL: what CREATE FUNCTION said. `expression::routine` puts their bodies into queries.

use firesteel_protocol::connect as pb;
use firesteel_protocol::types::collation;

use crate::sql::command::ColumnDefinition;

/// A function whose body is SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct UserFunction {
    /// As it appears in names of columns.
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub returns: Returns,
    pub body: Body,
    /// The text that places in the body refer to: that of the statement, or of the script around it.
    pub text: String,
    /// CREATE FUNCTION alone, as it was written.
    pub statement: String,
    /// Where in `text` the body begins, in characters.
    pub body_start: usize,
    /// The text of the body.
    pub body_text: String,
    pub comment: Option<String>,
    /// `DEFAULT COLLATION name`.
    pub collation: Option<String>,
}

impl UserFunction {
    /// Gives strings of its signature and in its body that say none this collation.
    pub fn collate(&mut self, name: &str) {
        let parameters = self.parameters.iter_mut().map(|own| &mut own.data_type);
        let columns: Box<dyn Iterator<Item = &mut pb::DataType>> = match &mut self.returns {
            Returns::Any => Box::new(std::iter::empty()),
            Returns::Value(data_type) => Box::new(std::iter::once(data_type)),
            Returns::Rows(columns) => Box::new(columns.iter_mut().map(|own| &mut own.data_type)),
        };
        parameters.chain(columns).for_each(|own| collation::fill(own, name));
        self.collation = Some(name.to_string());
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub data_type: pb::DataType,
    pub default: Option<pb::Expression>,
    /// The default as it was written.
    pub default_text: Option<String>,
}

/// What RETURNS says.
#[derive(Debug, Clone, PartialEq)]
pub enum Returns {
    /// Nothing: the body's type.
    Any,
    Value(pb::DataType),
    /// RETURNS TABLE; without columns those of the body.
    Rows(Vec<ColumnDefinition>),
}

/// What RETURN gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Value(Box<pb::Expression>),
    Query(Box<pb::Relation>),
}
