package figures

import (
	"errors"
	"strings"
)

// The lines between which Embed puts its text.
const (
	Begin = "<!-- bench:begin -->"
	End   = "<!-- bench:end -->"
)

// ErrNoMarkers says that a document has no place for the results.
var ErrNoMarkers = errors.New("figures: document: no " + Begin + " line followed by a " + End + " line")

// Embed returns document with everything between the markers replaced by text.
func Embed(document, text string) (string, error) {
	head, rest, ok := strings.Cut(document, Begin+"\n")
	if !ok {
		return "", ErrNoMarkers
	}
	_, tail, ok := strings.Cut(rest, End)
	if !ok {
		return "", ErrNoMarkers
	}
	return head + Begin + "\n" + strings.TrimRight(text, "\n") + "\n" + End + tail, nil
}
