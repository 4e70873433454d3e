//! XPath 1.0 as XLSForm uses it, with the functions of ODK XForms.

mod ast;
mod dependencies;
mod display;
mod error;
mod evaluate;
mod expr;
mod function;
mod library;
pub mod limits;
mod location;
mod moment;
mod parse;
mod pattern;
mod tree;
mod value;
mod walk;

pub use ast::Reference;
pub use dependencies::{Dependencies, Volatile};
pub use error::{EvalError, ParseError, ParseErrorKind};
pub use expr::{Expr, ReferenceUse};
pub use location::{Location, LocationStart, LocationStep};
pub use tree::{Context, Host, Node, Tree};
pub use value::{Value, number_text};
