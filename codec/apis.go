package codec

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the table as Markdown: the source of docs/apis.md.
func WriteTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString(tableHead)
	for key, row := range Keys {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n",
			key, row.Name, row.Do, versions(row), flexible(row.Flex), treatment(row))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const tableHead = `# What passes the gateway

Generated from the table in codec/rules.go; do not edit.

- **forward**: requests and answers pass undecoded, in every version.
- **rewrite**: as forward, but answers carry broker addresses or versions and are
  patched; versions above the audited one are neither advertised nor taken.
- **login**: answered by the gateway, or relayed to the broker where that decides
  who the client is; versions above the audited one are neither advertised nor taken.
- **refuse**: taken out of ApiVersions; a request ends the connection.

Keys that are not listed (newer than Kafka 4.4, vendors' own) are refused.
"Audited" is the highest version whose definition was read for this table.

| key | API | does | audited | flexible | treatment |
| ---: | --- | --- | --- | --- | --- |
`

func versions(row *Rule) string { return fmt.Sprintf("0-%d", row.Max) }

func flexible(v int16) string {
	if v < 0 {
		return "never"
	}
	return fmt.Sprintf("%d+", v)
}

// treatment says in words what the columns of the row do.
func treatment(row *Rule) string {
	var s string
	add := func(format string, args ...any) {
		if s != "" {
			s += "; "
		}
		s += fmt.Sprintf(format, args...)
	}
	switch {
	case row.Patched(row.Max) && row.PatchFrom > 0:
		add("answers patched from v%d", row.PatchFrom)
	case row.Patched(row.Max):
		add("answers patched")
	case row.Do == Rewrite:
		add("held at v%d: answers from v%d carry controllers' addresses", row.Max, row.PatchFrom)
	}
	if row.Prefix != nil {
		add("large ones at the head, then streamed")
	}
	if row.Tailed {
		add("large ones streamed, then the tail")
	}
	if row.Silent != nil {
		add("no answer to acks=0")
	}
	if row.Check != nil {
		add("refused with a replica id")
	}
	return s
}
