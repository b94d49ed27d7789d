package figures

import (
	"errors"
	"fmt"
	"strings"
)

// Begin and End are the lines between which a document keeps a region.
func Begin(region string) string { return "<!-- bench:" + region + ":begin -->" }

// End closes a region.
func End(region string) string { return "<!-- bench:" + region + ":end -->" }

// ErrNoMarkers says that a document has no place for a text.
var ErrNoMarkers = errors.New("no such region")

// Embed returns document with everything between the markers of a region replaced
// by text.
func Embed(document, region, text string) (string, error) {
	head, rest, ok := strings.Cut(document, Begin(region)+"\n")
	if !ok {
		return "", fmt.Errorf("figures: document: %w: no line %s", ErrNoMarkers, Begin(region))
	}
	_, tail, ok := strings.Cut(rest, End(region))
	if !ok {
		return "", fmt.Errorf("figures: document: %w: no line %s after its beginning", ErrNoMarkers, End(region))
	}
	return head + Begin(region) + "\n" + strings.TrimRight(text, "\n") + "\n" + End(region) + tail, nil
}
