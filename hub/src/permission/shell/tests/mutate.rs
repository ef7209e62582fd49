//! Makes variants of hostile commands: every one of them is still hostile, or no command at all.

/// A small generator of numbers (xorshift64*), so that a seed gives the same variants everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(value).expect("31 bits fit") % end.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// One to three changes, each of which leaves it hostile.
pub(super) fn hostile(command: &str, friendly: &[String], random: &mut Random) -> String {
    let mut command = command.to_owned();
    for _ in 0..=random.below(3) {
        command = once(&command, friendly, random);
    }
    command
}

fn once(command: &str, friendly: &[String], random: &mut Random) -> String {
    let friend = friendly[random.below(friendly.len())].as_str();
    let plain = !command.contains(['\'', '"', '\\', '`', '#', '\n']);
    match random.below(17) {
        0 => format!("{friend}; {command}"),
        1 => format!("{friend} && {command}"),
        2 => format!("{friend} | {command}"),
        3 => format!("{friend}\n{command}"),
        4 => format!("{command}\n{friend}"),
        5 => format!("{command}; {friend}"),
        6 => format!("( {command}\n)"),
        7 => format!("{{ {command}\n}}"),
        8 => format!("if {friend}; then {command}\nfi"),
        9 => format!("if {command}\nthen {friend}; fi"),
        10 => format!(
            "{}{command}",
            random.pick(&[" ", "\t", "  \t", "! ", "\n", "true & "])
        ),
        11 if plain => command.replacen(
            ' ',
            random.pick(&["\t", "   ", "${IFS}", "\u{a0}", "\\\n ", "\u{2003}"]),
            1,
        ),
        12 if plain => inside_first_word(
            command,
            random.pick(&["''", "\"\"", "\\", "$@", "\u{200b}", "\\\n"]),
            random,
        ),
        13 if plain => format!("eval '{command}'"),
        14 if plain => format!(
            "echo {}",
            random
                .pick(&["$(X)", "`X`", "\"$(X)\"", "<(X)", "${a:-$(X)}"])
                .replace('X', command)
        ),
        15 if plain => format!(
            "{} {command}",
            random.pick(&[
                "env", "sudo", "nohup", "exec", "command", "X=1", "time", "xargs", "nice"
            ])
        ),
        16 => format!("{friend} || {command}"),
        _ => format!("{command} && {friend}"),
    }
}

/// Puts something somewhere into the first word, never at its start, where some of these would begin another one.
fn inside_first_word(command: &str, what: &str, random: &mut Random) -> String {
    let start = command.len() - command.trim_start().len();
    let letters = command[start..]
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .count();
    if letters < 2 {
        return format!("{command} {what}");
    }
    let at = start + 1 + random.below(letters - 1);
    format!("{}{what}{}", &command[..at], &command[at..])
}
