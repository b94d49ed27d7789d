package config

import (
	"bytes"
	"fmt"
	"strings"
)

// maxEnvFile bounds the file GATEWAY_ENV_FILE names.
const maxEnvFile = 1 << 20

// source lays the assignments of a file over env, as a shell that sources the file would: `export `, several
// assignments in a line, quotes, backslashes, comments, $NAME and ${NAME}. Nothing is run: whatever would need a shell
// is refused with the number of its line, and so is what a shell would silently drop ($1). Assignments before an error
// have been made. Errors never hold a value.
func source(env map[string]string, file []byte) error {
	if len(file) > maxEnvFile {
		return fmt.Errorf("%d bytes; allowed: %d", len(file), maxEnvFile)
	}
	if at := bytes.IndexByte(file, 0); at >= 0 {
		return fmt.Errorf("line %d: a NUL byte", 1+bytes.Count(file[:at], []byte("\n")))
	}
	// Files written on Windows: a shell would keep the carriage return in every value.
	text := strings.ReplaceAll(string(file), "\r\n", "\n")
	s := &sourcing{text: strings.TrimPrefix(text, "\ufeff"), line: 1, env: env}
	for s.at < len(s.text) {
		if err := s.statement(); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	return nil
}

// sourcing is a position in a file that is being sourced.
type sourcing struct {
	text string
	at   int
	line int
	// export is set while the words after `export` are read.
	export bool
	// expanded is how many bytes were put in for variables.
	expanded int
	env      map[string]string
}

// statement reads what stands at the position: blanks, a comment, the end of a line, or one assignment.
func (s *sourcing) statement() error {
	switch c := s.text[s.at]; {
	case c == '\n':
		s.line++
		s.at++
		s.export = false
	case c == ';':
		s.at++
		s.export = false
	case c == ' ' || c == '\t':
		s.at++
	case c == '#':
		if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
			s.at += end
		} else {
			s.at = len(s.text)
		}
	case strings.HasPrefix(s.text[s.at:], "\\\n"):
		s.line++
		s.at += 2
	default:
		return s.assignment()
	}
	return nil
}

func (s *sourcing) assignment() error {
	start := s.at
	for s.at < len(s.text) && isNameByte(s.text[s.at]) {
		s.at++
	}
	name := s.text[start:s.at]
	if name == "" || '0' <= name[0] && name[0] <= '9' {
		return fmt.Errorf("only NAME=VALUE is read, with or without export; nothing is run")
	}
	if s.at == len(s.text) || strings.IndexByte(" \t\n;", s.text[s.at]) >= 0 {
		if s.export {
			// A name that is exported without being set.
			return nil
		}
		if name == "export" {
			s.export = true
			return nil
		}
	}
	if s.at == len(s.text) || s.text[s.at] != '=' {
		return fmt.Errorf("only NAME=VALUE is read, with or without export; nothing is run")
	}
	s.at++
	value, err := s.word()
	if err != nil {
		if !ours(name) {
			// It may be a piece of a value that should have been quoted.
			return err
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	s.env[name] = value
	return nil
}

// word reads a value up to the blank, semicolon or end of line that ends it.
func (s *sourcing) word() (string, error) {
	var value strings.Builder
	if s.at < len(s.text) && s.text[s.at] == '~' {
		return "", fmt.Errorf("a shell would replace ~ by a folder: quote the value or write the folder out")
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case strings.IndexByte(" \t\n;", c) >= 0:
			return value.String(), nil
		case strings.IndexByte("|&<>()", c) >= 0:
			return "", fmt.Errorf("an unquoted %c: quote the value", c)
		case c == '\'':
			if err := s.single(&value); err != nil {
				return "", err
			}
		case c == '"':
			if err := s.double(&value); err != nil {
				return "", err
			}
		default:
			if err := s.bare(&value); err != nil {
				return "", err
			}
		}
	}
	return value.String(), nil
}

// single copies what stands between single quotes.
func (s *sourcing) single(value *strings.Builder) error {
	end := strings.IndexByte(s.text[s.at+1:], '\'')
	if end < 0 {
		return fmt.Errorf("a ' that is never closed")
	}
	quoted := s.text[s.at+1 : s.at+1+end]
	s.line += strings.Count(quoted, "\n")
	value.WriteString(quoted)
	s.at += end + 2
	return nil
}

// double reads what stands between double quotes: a backslash is one unless it stands before \ " $ ` or a line's end.
func (s *sourcing) double(value *strings.Builder) error {
	opened := s.line
	for s.at++; s.at < len(s.text); {
		switch c := s.text[s.at]; c {
		case '"':
			s.at++
			return nil
		case '\\':
			if s.at+1 < len(s.text) && strings.IndexByte("\\\"$`\n", s.text[s.at+1]) < 0 {
				value.WriteByte('\\')
				s.at++
				continue
			}
			s.escaped(value)
		case '$', '`':
			if err := s.expansion(value, true); err != nil {
				return err
			}
		default:
			if c == '\n' {
				s.line++
			}
			value.WriteByte(c)
			s.at++
		}
	}
	s.line = opened
	return fmt.Errorf("a \" that is never closed")
}

// bare reads one character outside of quotes.
func (s *sourcing) bare(value *strings.Builder) error {
	switch c := s.text[s.at]; c {
	case '\\':
		s.escaped(value)
	case '$', '`':
		return s.expansion(value, false)
	default:
		value.WriteByte(c)
		s.at++
	}
	return nil
}

// escaped reads a backslash and what it protects; before the end of a line both vanish.
func (s *sourcing) escaped(value *strings.Builder) {
	s.at++
	if s.at == len(s.text) {
		value.WriteByte('\\')
		return
	}
	if s.text[s.at] == '\n' {
		s.line++
	} else {
		value.WriteByte(s.text[s.at])
	}
	s.at++
}

// expansion reads what a dollar or a backtick begins, within double quotes or outside.
func (s *sourcing) expansion(value *strings.Builder, quoted bool) error {
	rest := s.text[s.at:]
	switch {
	case rest[0] == '`', strings.HasPrefix(rest, "$("):
		return fmt.Errorf("a command in the value: nothing is run")
	case !quoted && (strings.HasPrefix(rest, "$'") || strings.HasPrefix(rest, "$\"")):
		return fmt.Errorf("a $ before a quote: only plain quotes are read")
	case strings.HasPrefix(rest, "${"):
		end := strings.IndexByte(rest, '}')
		if end < 0 || !isName(rest[2:end]) {
			return fmt.Errorf("of ${…} only ${NAME} is read; quote a dollar that is meant as one with '")
		}
		s.at += end + 1
		return s.expand(value, rest[2:end])
	}
	end := 1
	for end < len(rest) && isNameByte(rest[end]) {
		end++
	}
	if end == 1 && (len(rest) == 1 || strings.IndexByte("@*#?-$!", rest[1]) < 0) {
		value.WriteByte('$')
		s.at++
		return nil
	}
	if !isName(rest[1:end]) {
		return fmt.Errorf("a shell would replace $%s: quote a dollar that is meant as one with '", rest[1:min(2, len(rest))])
	}
	s.at += end
	return s.expand(value, rest[1:end])
}

// expand adds the value of a variable. All of a file's together stay below the limit, however often a value doubles.
func (s *sourcing) expand(value *strings.Builder, name string) error {
	s.expanded += len(s.env[name])
	if s.expanded > maxEnvFile {
		return fmt.Errorf("more than %d bytes put in for $NAME", maxEnvFile)
	}
	value.WriteString(s.env[name])
	return nil
}

// isName tells whether text is the name of a shell variable.
func isName(text string) bool {
	if text == "" || '0' <= text[0] && text[0] <= '9' {
		return false
	}
	for _, c := range []byte(text) {
		if !isNameByte(c) {
			return false
		}
	}
	return true
}
