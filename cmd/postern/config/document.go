package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The lines between which Embed puts the table.
const (
	tableBegin = "<!-- variables:begin -->"
	tableEnd   = "<!-- variables:end -->"
)

// ErrNoMarkers is returned by Embed for a document without the two marker lines, in order and each once.
var ErrNoMarkers = errors.New("config: no place for the table of variables: the document needs the lines " + tableBegin + " and " + tableEnd)

// WriteTable writes one Markdown table of the variables that change what the gateway does.
func WriteTable(w io.Writer) error {
	var text strings.Builder
	text.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, s := range sections {
		for i := range s.Rows {
			if row := &s.Rows[i]; row.Status == used {
				fmt.Fprintf(&text, "| `%s` | %s | %s |\n", row.Name, row.defaultCell(), cell(row.Meaning))
			}
		}
	}
	return write(w, text.String())
}

// WriteDocument writes the Markdown page of every variable that is known.
func WriteDocument(w io.Writer) error {
	var text strings.Builder
	text.WriteString(documentHead)
	for _, s := range sections {
		fmt.Fprintf(&text, "\n## %s\n\n| variable | default | meaning | what becomes of it |\n|---|---|---|---|\n", s.Title)
		for i := range s.Rows {
			row := &s.Rows[i]
			fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", row.Name, row.defaultCell(), cell(row.Meaning), cell(row.fate()))
		}
	}
	text.WriteString("\n## Properties of the Java client\n\nAccepted as `KAFKA_<PROP>` and named as not applicable:\n\n")
	properties := slices.Sorted(slices.Values(clientProperties))
	for i, property := range properties {
		properties[i] = "`" + property + "`"
	}
	text.WriteString(strings.Join(properties, ", ") + ".\n")
	return write(w, text.String())
}

const documentHead = `# Variables

<!-- Generated from the table in cmd/postern/config/variables.go; "go test ./cmd/postern/config -update" writes it again. -->

The gateway is configured by its environment, or by the file that ` + "`GATEWAY_ENV_FILE`" + ` names. ` + "`postern config`" + ` prints what
came of it, with secrets masked. A variable that is

- *used* changes what the gateway does;
- *not applicable* is accepted, changes nothing, and is named in one line at the start;
- *refused* stops the start: to ignore it in silence would do something other than what was asked.

A name that begins with ` + "`GATEWAY_`, `KAFKA_` or `LOG4J2_`" + ` and is not in here is warned about, with the nearest name that is. A
variable that is set to nothing counts as not set. Everything that is wrong is said at once, and the exit code is 2.
`

// Embed returns document with the lines between its markers replaced by what WriteTable writes.
func Embed(document []byte) ([]byte, error) {
	if bytes.Count(document, []byte(tableBegin)) != 1 || bytes.Count(document, []byte(tableEnd)) != 1 {
		return nil, ErrNoMarkers
	}
	begin := bytes.Index(document, []byte(tableBegin)) + len(tableBegin)
	end := bytes.Index(document, []byte(tableEnd))
	if end < begin {
		return nil, ErrNoMarkers
	}
	var out bytes.Buffer
	out.Write(document[:begin])
	out.WriteString("\n")
	if err := WriteTable(&out); err != nil {
		return nil, err
	}
	out.Write(document[end:])
	return out.Bytes(), nil
}

// fate says what becomes of a variable that is set.
func (v *variable) fate() string {
	switch v.Status {
	case used:
		return "used"
	case accepted:
		if v.Hint != "" {
			return "not applicable: " + v.Reason + "; " + v.Hint
		}
		return "not applicable: " + v.Reason
	case refused:
		return "refused: " + v.Reason
	}
	return ""
}

func (v *variable) defaultCell() string {
	switch {
	case v.DefaultNote != "":
		return cell(v.DefaultNote)
	case v.Default != "":
		return "`" + cell(v.Default) + "`"
	}
	return "–"
}

// cell makes a text fit into a table: a bar would end its column.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("config: table of variables: %w", err)
	}
	return nil
}
