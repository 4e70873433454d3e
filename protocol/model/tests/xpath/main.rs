//! XPath as XLSForm uses it: what is parsed, what is refused and in which words, and what it evaluates to.

mod expressions;
mod forest;
mod parsing;
mod properties;
mod sought;
mod table;
