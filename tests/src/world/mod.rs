//! A world for tests of the whole: a server with a project, phones that are engines without IO, links that fail, and
//! a census that compares everything that everybody holds.

pub mod census;
pub mod link;
pub mod phone;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod replay;
pub mod replica;
pub mod seeds;
pub mod site;
pub mod visits;
pub mod work;
