//! Forms as files: workbooks of every kind, what is no workbook, and the command that checks them.

mod any;
mod cells;
mod command;
mod files;
mod limits;
mod lists;
mod published;
mod wrong;
