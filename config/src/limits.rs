//! Every bound in the program, with its reason. The numbers stand in `defaults/config.toml` under `[limits]`.
//!
//! A bound that is hard-coded elsewhere is a mistake: it cannot be found, raised or tested.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The bounds. Units stand last in each name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Pages followed in one list: a server whose cursor never ends must not hold the list forever.
    pub list_pages_max: usize,
    /// Tools kept of one server: more is a runaway list, and ranking has been measured up to 100,000 in all.
    pub tools_per_server_max: usize,
    /// Bytes of one tool's definition as the server sent it; a larger one is rejected by itself.
    pub tool_bytes_max: u64,
    /// Characters of a description that are read for ranking and rendering; long ones are cut, not rejected.
    pub description_chars_max: usize,
    /// How deep an input schema may nest before its tool is rejected.
    pub schema_depth_max: usize,
    /// Bytes of one message from a server: the cap against a child that floods its standard output.
    pub frame_bytes_max: u64,
    /// Bytes of a result that a caller gets; the rest is cut and said.
    pub result_bytes_max: u64,
    /// Bytes of a server's last words on standard error that are kept for messages.
    pub stderr_tail_bytes: usize,
    /// How long a server may take to its first list of tools, unless it says otherwise.
    pub start_timeout_ms: u64,
    /// How long one call may take, unless its server says otherwise.
    pub call_timeout_ms: u64,
    /// From closing standard input to TERM: time for a server to end by itself.
    pub stop_grace_ms: u64,
    /// From TERM to KILL.
    pub kill_grace_ms: u64,
    /// The first pause before a dead server is tried again; each next one doubles.
    pub retry_first_ms: u64,
    /// The longest pause between tries, so that a server that comes back is found within a minute.
    pub retry_max_ms: u64,
    /// Quiet time after a change of a list before it is read again: servers send storms of them.
    pub list_settle_ms: u64,
    /// The longest a storm of list changes can put that off.
    pub list_settle_max_ms: u64,
    /// Calls in flight at one server; more wait.
    pub calls_in_flight_max: usize,
    /// How long the command line waits for servers to come up before it shows what is there.
    pub settle_timeout_ms: u64,
    /// Clauses of a request that are ranked apart; each costs one run of the encoder.
    pub clauses_max: usize,
    /// Words a clause needs to be ranked apart.
    pub clause_words_min: usize,
    /// Characters of a request that are read; the encoder sees far fewer.
    pub query_chars_max: usize,
    /// Tools on one page of a list that the hub serves. Some clients read one page only, so it is large.
    pub list_page_tools: usize,
    /// Tools that one `find_tools` returns at most.
    pub find_tools_max: usize,
    /// Candidates that each side of the search hands to the exact scoring.
    pub search_candidates: usize,
    /// Number of tools from which the graph is used in place of the exact scan; measured.
    pub graph_from: usize,
    /// Texts that wait to be embedded at once; the rest is taken in rounds, so that the first pool need not wait.
    pub embed_round: usize,
    /// Best names offered when a name is not known.
    pub suggestions_max: usize,
    /// Bytes of one file that `workspace` reads into a result.
    pub read_bytes_max: u64,
    /// Matches of one search of `workspace`.
    pub search_matches_max: usize,
    /// Bytes of a file above which the search of `workspace` leaves it out.
    pub search_file_bytes_max: u64,
    /// Characters of one matching line that are shown.
    pub search_line_chars_max: usize,
    /// Entries of one listing of `workspace`.
    pub list_entries_max: usize,
    /// Sessions that one serving process keeps; the longest idle one gives way.
    pub sessions_max: usize,
    /// Bytes of one request of a client over HTTP.
    pub request_bytes_max: u64,
    /// Deny globs that one session may bring, so that matching stays cheap.
    pub session_deny_max: usize,
    /// How often configuration files are looked at for changes while serving.
    pub reload_poll_ms: u64,
    /// How long a stop waits for calls in flight.
    pub drain_timeout_ms: u64,
    /// How long the fetch of the runtime may take in all.
    pub fetch_timeout_ms: u64,
    /// Bytes of one file of an embedding model; a graph of this size would not rank on a laptop anyway.
    pub model_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        crate::Config::default().limits
    }
}
