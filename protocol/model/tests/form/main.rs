//! Forms: what an XLSForm workbook says, and what is wrong with it.

mod act;
mod any;
mod chance;
mod filling;
mod generated;
mod import;
mod judged;
mod kinds;
mod look_ups;
mod mistaken;
mod mistakes;
mod readme;
mod recalculated;
mod records;
mod told;
mod types;
mod version;
mod walk;
mod workbooks;
mod world;
