//! x
#![allow(dead_code)]
mod fit;
