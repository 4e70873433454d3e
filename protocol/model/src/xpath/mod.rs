//! XPath 1.0 as XLSForm uses it, with the functions of ODK XForms.
//!
//! Pure and total: no text and no tree makes it panic, and [`limits`] bound what a text may be and what an evaluation
//! may do. Parsing checks function names, numbers of arguments and constant patterns, so that a form is refused when
//! it is imported and not in the field. Then [`Expr::resolve`] puts paths in the place of `${name}`, and
//! [`Expr::evaluate`] looks at a [`Tree`] and asks a [`Host`] for the time, chance and labels.
//!
//! # Values
//!
//! Dates and times are texts. Where a number is needed, a date or moment becomes the days since 1970-01-01 in UTC
//! with their fraction; a date begins at the midnight of local time. So dates can be compared and subtracted, and
//! `date(${day} + 7)` is a date again. An unanswered question is an empty text, whose number is NaN. A calculation
//! that gives NaN has no answer; ODK stores nothing then.
//!
//! A node of the record that is not relevant is left out at the end of a path: `count()` and `sum()` pass it over.
//! A path that leads to such nodes alone gives an empty text, so that `${q} = ''` and `${q} != 'yes'` hold as for an
//! unanswered question. On the way of a path, in positions and in `once()`, it counts, so that showing and hiding
//! moves nothing.
//!
//! In a predicate, operands and arguments that look only at the record, the current node and constants are evaluated
//! once, not for each node.
//!
//! # Where implementations differ
//!
//! XPath 1.0 and the documentation of ODK decide. Where ODK Collect (JavaRosa) or ODK Web Forms does otherwise:
//!
//! | what | here | Collect | Web Forms |
//! |---|---|---|---|
//! | text to number | the grammar of XPath | a decimal comma too | `1e3`, `0x10`, `+1`, `Infinity` too; a space is 0 |
//! | number of a date text | days with fraction | NaN, and whole days of a date question | days with fraction |
//! | text of a large number | no exponent | as a Java double | exponent from 10^21 |
//! | text of NaN | `NaN` | `NaN` | empty |
//! | equality of numbers | exact | within 10^-12 | exact |
//! | several nodes as one value | the first | an error | the first |
//! | missing nodes `= ''` | false; true if not relevant | true | false |
//! | irrelevant nodes | left out; alone, an empty text | left out | stay, with an empty text |
//! | positions on reverse axes, `(path)[1]` | XPath sections 2.4, 3.3 | no such axes | document order; no filter |
//! | `sum()` | NaN if one is no number; 0 of nothing | passes over what is no number | NaN of nothing |
//! | `min()`, `max()` | NaN if one is no number | passes it over | NaN |
//! | `round()` of a half | up, `-2.5` to `-2`; 1.005 to 1.01 | the same | away from zero; 1.005 to 1 |
//! | `coalesce()` | NaN is empty | NaN is empty | NaN is a text |
//! | `regex()` | the whole text must match; no lookaround, no back-references | the whole text | any part |
//! | `date()` | a date, whatever it was given | a date | keeps the time of a moment; a number is a UTC midnight |
//! | `date-time()` | a moment with offset | stored by the type of the question | a date at midnight |
//! | what is no date | empty text or NaN | an error | `Invalid Date` or an error |
//! | dates with `=` | as texts | as texts of the day | `today()` as a number |
//! | `decimal-time()` of a moment | its local time | its local time | NaN |
//! | `format-date` of a number; `%%` | a day; one `%` | the same | empty; two |
//! | `position(path)` of many | of the first | of the first | an error |
//! | `position(path)` of none | NaN | 0 | NaN |
//! | `indexed-repeat()` with an index below 1 | no node | the first | no node |
//! | `checklist()` | each true value counts | the same | the same |
//! | `weighted-checklist()` | -1 is no limit | -1 is a number | -1 is no upper limit |
//! | `distance()` | exact for near points; 0 of fewer than two, NaN of no places | cosines | cosines, two decimals |
//! | `area()` | a plane at the first point | the same | a sphere, two decimals |
//! | characters of a text | Unicode's | UTF-16 | UTF-16 |
//! | `intersects()`, `extract-signed()`, `property()`, `version()` | there | there | missing |

mod ast;
mod bounds;
mod dependencies;
mod display;
mod error;
mod evaluate;
mod expr;
mod french;
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
pub use bounds::Bounds;
pub use dependencies::{Dependencies, Volatile};
pub use error::{EvalError, ParseError, ParseErrorKind};
pub use expr::{Expr, ReferenceUse};
pub use function::functions;
pub use location::{Location, LocationStart, LocationStep};
pub(crate) use moment::{is_moment, is_time, local_date, local_text};
pub use tree::{Context, Host, Node, Tree};
pub use value::{Value, number_text};
