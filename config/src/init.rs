//! The file that `toolpool config init` writes.

/// A commented starter file. As it stands it changes nothing: every setting in it is a comment.
pub fn starter() -> &'static str {
    include_str!("../defaults/starter.toml")
}
