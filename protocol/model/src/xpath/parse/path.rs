//! Location paths and filter expressions.

use super::super::ast::{Ast, Axis, Path, PathStart, Step, Test};
use super::super::error::ParseErrorKind;
use super::scan::{Parsed, Scan};

impl Scan<'_> {
    /// A location path, or a primary expression with predicates and steps behind it.
    pub(super) fn path_expression(&mut self) -> Parsed<Ast> {
        let Some(next) = self.peek() else {
            return self.fail(ParseErrorKind::MissingOperand { before: None });
        };
        let followed_by_digit =
            self.rest()[next.len_utf8()..].starts_with(|char: char| char.is_ascii_digit());
        let start = match next {
            '$' => {
                let reference = self.reference()?;
                PathStart::Reference(reference, self.predicates()?)
            }
            '\'' | '"' => {
                let literal = self.literal(next)?;
                return self.after_primary(literal);
            }
            '(' => {
                let open = self.at;
                self.at += 1;
                let inner = self.bracketed(open)?;
                return self.after_primary(inner);
            }
            _ if next.is_ascii_digit() || (next == '.' && followed_by_digit) => {
                let number = self.number()?;
                return self.after_primary(number);
            }
            '/' => return self.absolute_path(),
            '.' | '*' | '@' => return self.relative_path(),
            _ => {
                let Some(name) = self.prefixed_name_here() else { return self.no_operand(next) };
                if self.is_call(name) {
                    let call = self.call(name)?;
                    return self.after_primary(call);
                }
                return self.relative_path();
            }
        };
        let steps = self.further_steps()?;
        Ok(Ast::Path(Path { start, steps }))
    }

    /// Whether a name at this place is followed by a bracket and is no test of nodes.
    fn is_call(&self, name: &str) -> bool {
        let after = self.rest()[name.len()..].trim_start_matches(super::scan::is_space);
        after.starts_with('(') && !matches!(name, "node" | "text" | "comment" | "processing-instruction")
    }

    fn no_operand<T>(&self, next: char) -> Parsed<T> {
        if next == '!' {
            let write = if self.rest().starts_with("!=") { "a value before !=" } else { "not(…)" };
            return self.fail(ParseErrorKind::WriteInstead { found: "!".to_owned(), write });
        }
        self.refuse_foreign_sign()?;
        self.fail(ParseErrorKind::MissingOperand { before: Some(next) })
    }

    /// Predicates and steps behind a primary expression.
    fn after_primary(&mut self, primary: Ast) -> Parsed<Ast> {
        let behind = self.at;
        let goes_on = matches!(self.peek(), Some('[' | '/'));
        if !goes_on {
            return Ok(primary);
        }
        if !primary.may_be_nodes() {
            self.at = behind;
            self.peek();
            return self.unexpected();
        }
        let predicates = self.predicates()?;
        let steps = self.further_steps()?;
        // A path in brackets without predicates of its own is the same as without brackets.
        Ok(match primary {
            Ast::Path(mut path) if predicates.is_empty() => {
                path.steps.extend(steps);
                Ast::Path(path)
            }
            primary => Ast::Path(Path { start: PathStart::Filter(Box::new(primary), predicates), steps }),
        })
    }

    fn absolute_path(&mut self) -> Parsed<Ast> {
        let mut steps = Vec::new();
        if self.take("//") {
            steps.push(Step::plain(Axis::DescendantOrSelf, Test::Node));
            self.steps_into(&mut steps)?;
        } else {
            self.at += 1;
            if self.begins_step() {
                self.steps_into(&mut steps)?;
            }
        }
        Ok(Ast::Path(Path { start: PathStart::Root, steps }))
    }

    /// Whether a step can begin here. Right after `/`, a name is always a step.
    fn begins_step(&mut self) -> bool {
        matches!(self.peek(), Some('.' | '*' | '@')) || self.name_here().is_some()
    }

    fn relative_path(&mut self) -> Parsed<Ast> {
        let mut steps = Vec::new();
        self.steps_into(&mut steps)?;
        Ok(Ast::Path(Path { start: PathStart::Context, steps }))
    }

    /// Steps that each begin with a slash; none is fine.
    fn further_steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        if self.take("//") {
            steps.push(Step::plain(Axis::DescendantOrSelf, Test::Node));
            self.steps_into(&mut steps)?;
        } else if self.take("/") {
            self.steps_into(&mut steps)?;
        }
        Ok(steps)
    }

    fn steps_into(&mut self, steps: &mut Vec<Step>) -> Parsed<()> {
        loop {
            steps.push(self.step()?);
            if self.take("//") {
                steps.push(Step::plain(Axis::DescendantOrSelf, Test::Node));
            } else if !self.take("/") {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Parsed<Step> {
        self.peek();
        let (axis, test) = if self.take("..") {
            (Axis::Parent, Test::Node)
        } else if self.take(".") {
            (Axis::Itself, Test::Node)
        } else {
            let axis = self.axis()?;
            (axis, self.test()?)
        };
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn axis(&mut self) -> Parsed<Axis> {
        if self.take("@") {
            return Ok(Axis::Attribute);
        }
        let Some(name) = self.name_here() else { return Ok(Axis::Child) };
        if !self.rest()[name.len()..].starts_with("::") {
            return Ok(Axis::Child);
        }
        match Axis::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, axis)) => {
                self.at += name.len() + 2;
                self.peek();
                Ok(*axis)
            }
            None => self.fail(ParseErrorKind::UnknownAxis(name.to_owned())),
        }
    }

    fn test(&mut self) -> Parsed<Test> {
        if self.take("*") {
            return Ok(Test::Any);
        }
        let Some(name) = self.prefixed_name_here() else {
            self.refuse_foreign_sign()?;
            return self.fail(ParseErrorKind::MissingStep);
        };
        let start = self.at;
        self.at += name.len();
        let open = self.at;
        if !self.take("(") {
            self.at = open;
            return Ok(Test::Name(name.into()));
        }
        let test = match name {
            "node" => Test::Node,
            "text" => Test::Text,
            _ => {
                self.at = start;
                return self.fail(ParseErrorKind::MissingStep);
            }
        };
        self.close(open, '(', ")")?;
        Ok(test)
    }

    fn predicates(&mut self) -> Parsed<Vec<Ast>> {
        let mut predicates = Vec::new();
        loop {
            self.peek();
            let open = self.at;
            if !self.take("[") {
                return Ok(predicates);
            }
            predicates.push(self.expression()?);
            self.close(open, '[', "]")?;
        }
    }
}
