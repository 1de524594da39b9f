//! Codes that are made ahead: where their pictures are kept, and which of them are pictures.
//!
//! Belongs here: numbering, and what becomes of a code between its making and its use. Not how a
//! code is made: that is the provider's.

pub mod picture;
pub mod storage;
