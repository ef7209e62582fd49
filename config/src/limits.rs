//! Every bound in the program, with its reason: what a person may set in [`Limits`], whose numbers stand in
//! `defaults/config.toml` under `[limits]`, and what has one right value in [`fixed`].
//!
//! A bound that is hard-coded elsewhere is a mistake: it cannot be found, raised or tested. Not bounds, and so beside their code:
//! the parameters of an algorithm, the sizes of buffers that only cost speed, and how often something is looked at.

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
    /// How many timeouts a call may take in all while progress keeps it alive: a server can report progress forever.
    pub call_timeouts_max: u32,
    /// How long a connection to a server over HTTP may take to be made.
    pub connect_timeout_ms: u64,
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
    /// Longest wait of a client's first list for servers that start with the hub: many clients read the list once and
    /// ignore its changes, and most servers are up within this time.
    pub first_list_wait_ms: u64,
    /// Tools on one page of a list that the hub serves. Some clients read one page only, so it is large.
    pub list_page_tools: usize,
    /// Tools that one `find_tools` returns at most.
    pub find_tools_max: usize,
    /// Candidates that each side of the search hands to the exact scoring.
    pub search_candidates: usize,
    /// Number of tools from which the graph is used in place of the scan; the scan was faster up to 100,000, the most measured.
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
    /// Bytes of a file that `edit_file` takes: it is held in memory and shown in part, and a larger one is data and no text.
    pub edit_bytes_max: u64,
    /// Bytes of a command's output that are kept, the first and the last half: errors stand at either end.
    pub command_output_bytes_max: u64,
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

/// Bounds that no person needs to set: depths of a grammar, tries, queues, and what fits a line.
pub mod fixed {
    use std::time::Duration;

    // What a person writes.

    /// Characters of the name of a server or a profile, so that exposed names keep room for the tool.
    pub const NAME_LENGTH_MAX: usize = 40;
    /// The longest time a person may set, in seconds: a day. Longer is a slip of units.
    pub const SECONDS_MAX: f64 = 86_400.0;
    /// In the files of other clients, a `timeout` without a unit from which it is taken for milliseconds.
    pub const IMPORT_SECONDS_MAX: f64 = 1_000.0;
    /// Syntax mistakes of a file reported at once; after the first few the rest is noise.
    pub const SYNTAX_PROBLEMS_MAX: usize = 5;
    /// Other mistakes of a configuration reported at once: as many as fit a screen.
    pub const PROBLEMS_MAX: usize = 20;

    /// Agent types read from the person's folder: a folder with more is another folder.
    pub const AGENT_FILES_MAX: usize = 100;
    /// Bytes of one of them. Its prompt stands in every request that the agent makes.
    pub const AGENT_FILE_BYTES_MAX: usize = 64 << 10;
    /// Characters of the line that a model reads of a type: every one of them is paid in every request.
    pub const AGENT_DESCRIPTION_CHARS_MAX: usize = 160;

    // What is kept and shown of a tool.

    /// Characters of a tool's name; the protocol recommends at most 128, and what is far beyond is no name.
    pub const TOOL_NAME_CHARS_MAX: usize = 256;
    /// Characters of a rejected tool's name that are repeated to the person: one line.
    pub const REPORTED_NAME_CHARS_MAX: usize = 80;
    /// Characters of a title, which is shown in one line of a list.
    pub const TITLE_CHARS_MAX: usize = 120;
    /// Characters of the one sentence in a slim rendering.
    pub const SENTENCE_CHARS_MAX: usize = 160;
    /// Characters of the few words in a rendering as one line.
    pub const LINE_CHARS_MAX: usize = 80;
    /// Depth to which a slim rendering keeps the properties of nested objects; below it they are "an object".
    pub const SLIM_DEPTH_MAX: usize = 2;
    /// Values of an enum that a slim rendering keeps; more cost more than they help a first choice, and the type remains.
    pub const SLIM_ENUM_MAX: usize = 24;
    /// Alternatives that a slim rendering keeps apart; more become "any value".
    pub const SLIM_BRANCHES_MAX: usize = 6;
    /// References and combinations followed in one schema: enough for any honest one, an end for one that refers to itself.
    pub const SCHEMA_HOPS_MAX: usize = 12;
    /// Tokens of a text that the encoder reads; what the built-in model was trained on.
    pub const ENCODER_TOKENS_MAX: usize = 256;

    // Servers: processes and wires.

    /// From TERM to KILL once the hub is gone. Shorter than a normal stop: whoever killed the hub wants an end.
    pub const GUARD_GRACE: Duration = Duration::from_millis(1_500);
    /// How long a process that has closed its output is given to exit, and one that has exited to have its output read.
    pub const LAST_WORDS_WITHIN: Duration = Duration::from_millis(250);
    /// How long a group may stay visible after KILL; only what a dead parent never reaped does.
    pub const GONE_WITHIN: Duration = Duration::from_millis(500);
    /// How long the protocol library may take to let a connection go; it waits for answers of ours that are being written.
    pub const CLOSE_WITHIN: Duration = Duration::from_secs(3);
    /// How long a call that was cut off waits for the owner to find out why, and a cancel for a server that does not read.
    pub const REASON_WITHIN: Duration = Duration::from_millis(1_000);
    /// Messages that may wait in either direction of a wire before the other side is made to wait.
    pub const MESSAGES_WAITING_MAX: usize = 64;
    /// Progress reports that may wait for whoever takes them; more are dropped, the call goes on.
    pub const PROGRESS_WAITING_MAX: usize = 32;
    /// Bytes kept of a line that is too long: enough to find the id of the request that it answers.
    pub const LINE_HEAD_BYTES_MAX: usize = 512;
    /// Bytes of an error page that are read to say what it was.
    pub const ERROR_PAGE_BYTES_MAX: usize = 2_048;
    /// Tries to resume a broken answer stream before its call is given up.
    pub const RESUMES_MAX: usize = 4;
    /// Redirects followed to a server, all within its own origin.
    pub const REDIRECTS_MAX: usize = 3;

    // Downloads.

    /// Silence between two pieces of one answer, however large it is: who says nothing for so long has gone.
    pub const DOWNLOAD_SILENCE_MAX: Duration = Duration::from_secs(30);
    /// Redirects followed to one file of a model: a model hub redirects once or twice, more is a circle.
    pub const DOWNLOAD_HOPS_MAX: usize = 8;
    /// Tries at one file; each goes on where the one before broke off.
    pub const DOWNLOAD_TRIES_MAX: usize = 3;
    /// Bytes of a file that says how a model is to be run; these have a few hundred, anything larger is something else.
    pub const MODEL_HINT_BYTES_MAX: u64 = 1 << 20;
    /// Bytes kept of what a package client complained about; its last lines say why it failed.
    pub const CLIENT_WORDS_BYTES_MAX: usize = 4_096;

    // Models.

    /// The smallest window in tokens that a person may set: below it there is no room for a request, a tool and a reply.
    pub const WINDOW_MIN: u32 = 2_048;
    /// The window taken where a server does not tell its own: what local servers start with by default.
    pub const WINDOW_ASSUMED: u32 = 4_096;
    /// How deep the arguments of a call may nest to be repaired; as far as the JSON parser goes on valid ones.
    pub const ARGUMENTS_DEPTH_MAX: usize = 120;
    /// Characters of unusable arguments that are shown to the model again: enough to see what was wrong.
    pub const REPORTED_ARGUMENTS_CHARS_MAX: usize = 200;
    /// How long each question may take while model servers are looked for; all are asked at once.
    pub const DISCOVER_WITHIN: Duration = Duration::from_millis(700);
    /// How long each question may take at an address that was named; a busy server is slow to say what it is.
    pub const ASK_WITHIN: Duration = Duration::from_secs(10);
    /// How long a connection to a model server may take to be made; most are on this machine.
    pub const MODEL_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// Tries at one request of a model, the first one among them, for failures that pass.
    pub const MODEL_TRIES_MAX: u32 = 4;
    /// The pause before the second try; each next one doubles.
    pub const MODEL_RETRY_FIRST: Duration = Duration::from_millis(250);
    /// How often a server that loads its model is asked again.
    pub const MODEL_LOADING_PAUSE: Duration = Duration::from_millis(500);
    /// Silence on the wire after which a person is told that the request waits.
    pub const MODEL_QUEUED_AFTER: Duration = Duration::from_millis(250);
    /// Bytes of one reply: tokens are bounded by the request, but not every server obeys.
    pub const MODEL_REPLY_BYTES_MAX: usize = 64 << 20;
    /// Bytes of a model server's answer to a question, and of its errors. Ollama's lists and llama.cpp's templates are long.
    pub const MODEL_ANSWER_BYTES_MAX: usize = 8 << 20;
    /// Characters of a server's words that an error repeats.
    pub const MODEL_WORDS_CHARS_MAX: usize = 400;
    /// Ollama's windows are a multiple of this, so that nearly equal wishes do not load the model twice.
    pub const NUM_CTX_STEP: u32 = 4_096;
    /// The window that Ollama is asked for where neither the person nor a loaded model says one: fits most graphics cards.
    pub const NUM_CTX_DEFAULT: u32 = 8_192;
    /// How long Ollama keeps the model after a request: a person thinks for longer than its own five minutes.
    pub const MODEL_KEPT_FOR: Duration = Duration::from_secs(1_800);

    /// Tries to have a prompt counted by its server before it is counted here.
    pub const COUNT_TRIES_MAX: u32 = 3;

    // Journals and sessions.

    /// Places where a line may end that are tried for one place where it may begin, among bytes where several have run together. Only what
    /// looks like an end within the arguments of a call needs a second try; each costs a hash.
    pub const JOURNAL_ENDS_MAX: usize = 16;
    /// Entries written and synced together at most, so that the first of a long queue is answered soon.
    pub const JOURNAL_GROUP_MAX: usize = 256;
    /// Characters from which a secret is looked for in texts: a shorter one would take every text apart and hide nothing.
    pub const SECRET_CHARS_MIN: usize = 6;
    /// Characters of a session's id; ours have 20.
    pub const SESSION_ID_CHARS_MAX: usize = 64;
    /// Tries to find an id for a new session that is free: two in one second with the same four letters are one in a million.
    pub const SESSION_ID_TRIES_MAX: usize = 16;
    /// Characters of a session's first words that are kept as its title: one line.
    pub const FIRST_WORDS_CHARS_MAX: usize = 80;
    /// Characters of an error that the memory keeps: its first lines say what it was.
    pub const ERROR_NOTE_CHARS_MAX: usize = 300;
    /// Characters of one step as the prompt's tail shows it, where all of them do not fit.
    pub const STEP_SHOWN_CHARS_MAX: usize = 60;

    // Permission.

    /// Characters of a name that nobody knows which are repeated and written down.
    pub const UNKNOWN_NAME_CHARS_MAX: usize = 128;
    /// Bytes of one result that are written down as text where no model's window says how many: what explains a call to
    /// whoever reads the record, not the data itself.
    pub const RESULT_TEXT_BYTES_MAX: usize = 16_384;
    /// Characters of a shell command that are read; nobody checks more with their eyes before saying yes.
    pub const SHELL_CHARS_MAX: usize = 10_000;
    /// Commands in one line of a shell that are judged; a longer one is a script and asked about as a whole.
    pub const SHELL_PARTS_MAX: usize = 50;
    /// Brackets and keywords in one shell command that may open a nested part: the parser is recursive, and takes its time with nesting.
    pub const SHELL_OPENINGS_MAX: usize = 24;

    // The agent and its events.

    /// Pieces of a reply that may wait to be shown; more make the stream wait.
    pub const DELTAS_WAITING_MAX: usize = 256;
    /// Tools left out of a pool that its entry names; the others are counted by reason.
    pub const POOL_OUT_KEPT_MAX: usize = 20;
    /// Tools that a turn is told of beyond its pool: a request speaks of two or three things, and the second best of each is
    /// sometimes the one that is meant.
    pub const DISCLOSED_MAX: usize = 6;
    /// The share of the window that these may take, turn after turn until a compaction covers them.
    pub const DISCLOSED_SHARE_MAX: f64 = 0.04;
    /// The share of what is still free of the window that they may take: a turn is not to be compacted for what it may not need.
    pub const DISCLOSED_FREE_SHARE_MAX: f64 = 0.15;
    /// The score, as a share of the best one's, below which a tool is no clear candidate.
    pub const DISCLOSED_SCORE_SHARE_MIN: f32 = 0.5;
    /// Tokens that may be missing in a server's cache before that counts as lost: the marks with which a template lets the model
    /// begin, and tokens that join at the seam.
    pub const CACHE_SLACK_TOKENS_MAX: u32 = 24;
    /// Tokens of the note about the task's steps at the tail of a prompt: it is read anew in every step.
    pub const STEPS_TOKENS_MAX: u32 = 200;
    /// What stood at the tail of one prompt and is gone in the next, in tokens of any vocabulary: the steps and what goes with them.
    pub const TAIL_TOKENS_MAX: u32 = 300;
    /// Silence of what a turn waits for after which it is told as stalled.
    pub const STALLED_AFTER: Duration = Duration::from_secs(20);
    /// Requests of one step made again for a smaller window before the turn is given up.
    pub const SMALLER_MAX: u32 = 3;
    /// Empty replies that are asked for again in a turn: small models do that once, and twice is a habit.
    pub const EMPTY_REPLIES_MAX: u32 = 1;
    /// How long the model may take for its opinion of a call, which is then a question to the person.
    pub const OPINION_WITHIN: Duration = Duration::from_secs(60);
    /// Tokens of that opinion: one word, and some room for a model that thinks first.
    pub const OPINION_TOKENS_MAX: u32 = 256;
    /// Bytes of the results of one step that the model reads, for each token of its window: an eighth to a sixth of it, so that a small
    /// window holds a few steps before it has to be compacted.
    pub const RESULT_BYTES_PER_TOKEN: f64 = 0.5;
    /// Calls of one step among which that is shared out at most: a smaller part would tell nothing.
    pub const RESULT_PARTS_MAX: usize = 8;
    /// Calls of turns that were taken back which the model is reminded of: the latest, since they are what it would do again.
    pub const UNDONE_CALLS_MAX: usize = 5;
    /// Characters of one of them.
    pub const UNDONE_CALL_CHARS_MAX: usize = 120;
    /// Replies of the model within which a second compaction is a sign that the first was too small: the next rung is climbed.
    pub const COMPACTED_SOON_REPLIES: u64 = 2;
    /// The share of the window up to which facts that a digest or a summary lacks are told call by call; more are told tersely.
    pub const FACTS_SHARE: f64 = 0.08;
    /// The share that they may take at most: they outrank all prose, and the rest of a small window has to hold one step.
    pub const FACTS_MOST_SHARE: f64 = 0.45;
    /// The share that prose of a digest keeps where the facts need the rest: a few lines.
    pub const PROSE_LEAST_SHARE: f64 = 0.02;
    /// The share for the person's words as they were said.
    pub const WORDS_SHARE: f64 = 0.15;
    /// The share that a text leaves free, so that the next step does not need the next compaction.
    pub const GROWTH_SHARE: f64 = 0.2;
    /// Kept results that are shortened at most where there is no room for them.
    pub const SQUEEZES_MAX: usize = 4;
    /// The share for identifiers of results that were read, with the artifacts that hold them.
    pub const REACHABLE_SHARE: f64 = 0.03;
    /// Characters of what a call was about, in the line that stands for it: a path, a command, a question.
    pub const CALL_ABOUT_CHARS_MAX: usize = 80;
    /// Characters of what it came to.
    pub const CALL_RESULT_CHARS_MAX: usize = 100;
    /// Characters of a turn's final answer in a digest: enough to know what was said, the rest can be looked up.
    pub const DIGEST_ANSWER_CHARS_MAX: usize = 240;
    /// What the model said last in a turn that goes on: so many texts of it, since a search says less than a step.
    pub const SAID_LAST_MAX: usize = 4;
    /// Characters of each.
    pub const SAID_LAST_CHARS_MAX: usize = 80;
    /// Characters of a result from which it is kept as an artifact when it leaves the window: a shorter one is told in its line.
    pub const KEPT_CHARS_MIN: usize = 160;
    /// Steps of a task that the model may keep: they are shown with every request, and a longer plan is no plan.
    pub const STEPS_MAX: usize = 12;
    /// Characters of one of them; the rest is cut.
    pub const STEP_CHARS_MAX: usize = 100;
    /// The window from which a model is offered `delegate` in its list; below it the definition costs more than it gains, and it
    /// can still be called by its name.
    pub const DELEGATE_WINDOW_MIN: u32 = 16_384;
    /// Bytes of an answer of `docs`: some sections of the manual.
    pub const DOCS_BYTES_MAX: usize = 6_000;
    /// Sections that it answers with.
    pub const DOCS_SECTIONS_MAX: usize = 4;
    /// Tokens of an agent's answer that its caller gets however small the share: fewer say nothing.
    pub const DELEGATE_RESULT_TOKENS_MIN: u32 = 200;
    /// Changes that are listed with an agent's answer; the others are counted.
    pub const DELEGATE_CHANGES_MAX: usize = 12;
    /// The longest silence of a running turn's events, after which a heartbeat says that it is still there.
    pub const HEARTBEAT: Duration = Duration::from_secs(1);
    /// Bytes of one file of the event log, from which the next is begun: small enough to be opened in an editor.
    pub const LOG_FILE_BYTES_MAX: u64 = 8 << 20;
    /// Files of the event log that are kept.
    pub const LOG_FILES_MAX: usize = 8;
    /// Records that may wait to be written to the event log; more are dropped and counted, since nothing waits for a log.
    pub const LOG_WAITING_MAX: usize = 4_096;
    /// Bytes piped into one request: far more than any window holds, so that a larger input is a slip and not a request.
    pub const STDIN_BYTES_MAX: u64 = 16 << 20;
    /// How long the end of a program waits for the event log.
    pub const LOG_FLUSH_WITHIN: Duration = Duration::from_millis(500);

    // Verification.

    /// Bytes of a content whose format is checked before it is written: a larger one is data, and its reader will say.
    pub const FORMAT_BYTES_MAX: usize = 4 << 20;
    /// Characters of a parser's own words that are repeated to the model.
    pub const FORMAT_WORDS_CHARS_MAX: usize = 160;
    /// Contents that were refused once by their grammar and are remembered, so that the same one passes when it is meant.
    pub const REFUSED_KEPT_MAX: usize = 256;
    /// Letters of base64 in a row from which a text is data that no model reads.
    pub const BASE64_SHOWN_MAX: usize = 1_024;
    /// Characters of what a result says of a failure, without calling itself one, that are repeated.
    pub const FAILURE_WORDS_CHARS_MAX: usize = 200;
    /// How long a write may be read back; what takes longer is left unread, since the write is done either way.
    pub const READ_BACK_WITHIN: Duration = Duration::from_secs(10);
    /// Bytes of a content that is read back and compared.
    pub const READ_BACK_BYTES_MAX: usize = 64 << 10;
    /// Characters of a line that a finding about a read-back quotes.
    pub const READ_BACK_LINE_CHARS_MAX: usize = 80;
    /// Lines of a content that a reader shows in any case. One that shows more and then stops may have a bound of its own.
    pub const READ_BACK_LINES_SURE: usize = 100;
    /// Findings about a final answer that the model is told at once: more is a list that nobody works off.
    pub const FINDINGS_TOLD_MAX: usize = 4;
    /// Times that a turn's answer is sent back to be repaired: the second one stands.
    pub const ANSWER_REPAIRS_MAX: u32 = 1;
    /// Characters of a final answer that are looked through for claims; they stand at its beginning or its end.
    pub const CLAIMS_CHARS_MAX: usize = 16_384;
    /// How long the agent `verify` may take for its verdict on an answer, which then stands without one. Its steps have a bound of
    /// their own; this one is for a person who waits.
    pub const VERDICT_WITHIN: Duration = Duration::from_secs(120);
    /// Share of the window that it is given of the request, the calls and the answer: it must have room to look for itself.
    pub const VERDICT_TASK_SHARE: f64 = 0.4;
    /// Calls of a turn that the verdict is given with, the newest.
    pub const VERDICT_CALLS_MAX: usize = 24;
    /// Characters of each of them, and of its result.
    pub const VERDICT_CALL_CHARS_MAX: usize = 240;

    // Facts, summaries and what is read again.

    /// Characters of a quoted string that is kept as a whole; of a longer one only the facts in it.
    pub const FACT_QUOTE_CHARS_MAX: usize = 200;
    /// Bytes of one fact: signed URLs have about a thousand, and what is far longer is data that nobody repeats to the letter.
    pub const FACT_BYTES_MAX: usize = 2_048;
    /// Words of an argument that is kept as a whole, such as a name or a state; of a longer one only the facts in it.
    pub const FACT_VALUE_WORDS_MAX: usize = 3;
    /// Characters from which an argument or an outcome is a content and no value: a file that was written, the output of a command.
    pub const FACT_CONTENT_CHARS_MIN: usize = 600;
    /// The share of the window that a summary may take, and so the least that is kept for its reply.
    pub const SUMMARY_SHARE: f64 = 0.125;
    /// Requests that one summary may take: a conversation has about one window, two where the window was lowered since; far more are a
    /// conversation that came from a large window into a small one, and too slow to be waited for.
    pub const SUMMARY_CHUNKS_MAX: usize = 8;
    /// Characters to which a message is cut at least so that it fits a request for a summary by itself.
    pub const SUMMARY_MESSAGE_CHARS_MIN: usize = 80;
    /// The share of a fresh window that each file which is shown again may take.
    pub const FILE_SHARE: f64 = 0.025;
    /// The share that all of them may take.
    pub const FILES_SHARE: f64 = 0.15;
    /// Files that are read for it: with those that can't be read, no more than can be shown.
    pub const FILES_READ_MAX: usize = 8;
    /// The share of a fresh window for the steps and doubts, and for what is known of files and errors; each.
    pub const RESET_NOTE_SHARE: f64 = 0.05;
    /// Digits of an artifact's name that have to be given at least.
    pub const ARTIFACT_DIGITS_MIN: usize = 8;
    /// Facts that one content adds, the first and the last half: the rest is found by its call, its hash, or its artifact.
    pub const FACT_CONTENT_MAX: usize = 24;

    // The hub.

    /// Views kept for reuse: one for each kind of caller that is active at a time.
    pub const VIEWS_KEPT_MAX: usize = 32;
    /// Depth to which arguments are repaired; deeper ones are left as they are.
    pub const REPAIR_DEPTH_MAX: usize = 16;
    /// Faults that one message about arguments names; the rest are counted.
    pub const FAULTS_SHOWN_MAX: usize = 3;
    /// Lines that a search of `workspace` shows before and after a match: more is reading, and `read_file` does that.
    pub const SEARCH_CONTEXT_MAX: usize = 5;
    /// Entries that `delete_file` removes at once: more is no slip of a model that a person should have to find out about afterwards.
    pub const DELETE_ENTRIES_MAX: usize = 10_000;
    /// Depth of folders that it goes down to, each with a handle of its own.
    pub const DELETE_DEPTH_MAX: usize = 64;
    /// Characters of the nearest line that is shown when an edit finds nothing.
    pub const NEAREST_LINE_CHARS_MAX: usize = 160;
    /// Files that one `workspace` server remembers the content of, by hash; the longest forgotten must be read again.
    pub const SEEN_FILES_MAX: usize = 10_000;
    /// What a command's own time limit leaves of the call's, so that what it wrote comes back with the news.
    pub const COMMAND_MARGIN: Duration = Duration::from_millis(1_500);
    /// How long the end of a command's processes is waited for before its result is given without it.
    pub const COMMAND_GONE_WITHIN: Duration = Duration::from_millis(1_000);
    /// Entries of the workspace looked at for links that lead outside, before a command that only reads runs by itself.
    pub const LINKS_LOOKED_AT_MAX: usize = 20_000;
    /// Entries looked at for the same name elsewhere, per entry that a listing may have. A guess is not worth more.
    pub const SUGGEST_LOOKED_AT_FACTOR: usize = 20;
}
