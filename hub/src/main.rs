//! toolpool
fn main(){}
