//! Forms: what an XLSForm workbook says, and what is wrong with it.

mod any;
mod import;
mod mistakes;
