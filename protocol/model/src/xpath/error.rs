//! What can be wrong with an expression, in words for the person who wrote it.

use super::limits::{MAX_DEPTH, MAX_RESULT_BYTES, MAX_STEPS, MAX_TEXT_BYTES};

/// Why a text is no expression, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// The byte of the text at which the mistake stands.
    pub at: usize,
    /// What is wrong.
    pub kind: ParseErrorKind,
}

/// What is wrong with the text of an expression. `Display` says it in a sentence, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// There is nothing but white space.
    #[error("the expression is empty")]
    Empty,
    /// The text is too long.
    #[error("the expression is longer than {MAX_TEXT_BYTES} bytes: split it into several calculations")]
    TooLong,
    /// Brackets, calls or minus signs are nested too deeply.
    #[error("the expression is nested deeper than {MAX_DEPTH} levels: split it into several calculations")]
    TooDeep,
    /// No function has that name.
    #[error("there is no function {name}(){}", meant(*nearest))]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// A function has too few or too many arguments.
    #[error("{function}() takes {takes}, but here it has {given}")]
    Arguments {
        /// The function's name.
        function: &'static str,
        /// How many arguments it takes, in words.
        takes: String,
        /// How many it was given.
        given: usize,
    },
    /// An argument must be a set of questions or groups, and this one can be none.
    #[error("{function}() needs a reference such as ${{name}} or a path here, not a single value")]
    NotNodes {
        /// The function's name.
        function: &'static str,
    },
    /// A sign of another language stands where XPath has a sign of its own.
    #[error("{found} is not an operator here: write {write}")]
    WriteInstead {
        /// The sign that was found.
        found: String,
        /// What to write instead.
        write: &'static str,
    },
    /// A curly quotation mark.
    #[error("{0} is a typographic quotation mark: write a straight one, ' or \"")]
    CurlyQuote(char),
    /// A text in quotes does not end.
    #[error("the text that begins with {0} here has no closing {0}")]
    OpenText(char),
    /// A bracket is never closed.
    #[error("the bracket {0} is never closed")]
    OpenBracket(char),
    /// A bracket is closed that was never opened.
    #[error("there is a {0} too many: no bracket is open here")]
    ExtraBracket(char),
    /// `${` without `}`.
    #[error("the reference that begins with ${{ has no closing }}")]
    OpenReference,
    /// What stands between `${` and `}` is no name.
    #[error(
        "{0:?} is no name of a question: names have letters, digits, _, - and . and begin with a letter or _"
    )]
    ReferenceName(String),
    /// A reference inside of a text in quotes.
    #[error("${{…}} is not replaced inside of quotes: take it out, and join the parts with concat()")]
    ReferenceInText,
    /// An operator or bracket lacks what should follow it.
    #[error("something is missing {}: a value, a reference or a function", place(*before))]
    MissingOperand {
        /// What stands there instead; nothing at the end.
        before: Option<char>,
    },
    /// Two values follow each other.
    #[error("{0:?} was not expected here: an operator, a comma or a bracket is missing before it")]
    MissingOperator(String),
    /// `name::` that is no axis.
    #[error("{0}:: is not supported in paths")]
    UnknownAxis(String),
    /// After a slash or an axis there is no name.
    #[error("a name, * or .. must follow here")]
    MissingStep,
    /// A number that cannot be read, or is too large.
    #[error("{0:?} is no number: write digits with at most one point")]
    Number(String),
    /// A pattern of `regex()` that cannot be used; the text says why.
    #[error("{0}")]
    Pattern(String),
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|near| format!(": did you mean {near}()?")).unwrap_or_default()
}

fn place(before: Option<char>) -> String {
    before.map_or_else(|| "at the end".to_owned(), |char| format!("before {char}"))
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A reference was not resolved before the evaluation.
    #[error("the reference ${{{0}}} was not resolved")]
    Unresolved(String),
    /// There is no choice list or attached table of that name.
    #[error("there is no list or table {0:?}")]
    NoInstance(String),
    /// A function needs a set of nodes and got a single value.
    #[error("{0}() needs a reference or a path, not a single value")]
    NotNodes(&'static str),
    /// A pattern or a name of a method that was computed cannot be used.
    #[error("{0}")]
    Argument(String),
    /// The evaluation looked at too much.
    #[error("the expression looks at more than {MAX_STEPS} values")]
    TooManySteps,
    /// A text grew too long.
    #[error("the expression builds a text longer than {MAX_RESULT_BYTES} bytes")]
    TooLong,
}
