package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Mask is what is shown in place of a secret.
const Mask = "********"

// Secret is a text that is never shown: every way of formatting, marshalling or logging it gives Mask (or nothing, when
// it is not set). The zero value is a secret that is not set.
type Secret struct {
	// A pointer, so that fmt shows an address even where it cannot call methods (unexported fields of other structs).
	value *string
}

// NewSecret wraps a text; an empty text is a secret that is set to nothing.
func NewSecret(text string) Secret { return Secret{value: &text} }

// Reveal returns the text itself, empty when the secret is not set.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet tells whether a text was given at all.
func (s Secret) IsSet() bool { return s.value != nil }

// String returns Mask, or nothing when the secret is not set.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return Mask
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	// fmt.State offers no way to report a failed write.
	_, _ = io.WriteString(f, s.String())
}

// MarshalText gives what String returns: JSON, YAML and XML encoders show no more.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
