package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// reader takes typed values out of the environment; what does not fit goes to the report and comes back as the zero value.
type reader struct {
	env    map[string]string
	report *Report
	// asked holds every name that was asked for: the table and the code are held against each other by it.
	asked map[string]bool
}

// given returns the text that was set, trimmed; an empty one counts as not set, as compose files leave many.
func (r *reader) given(name string) (string, bool) {
	r.asked[name] = true
	text := strings.TrimSpace(r.env[name])
	return text, text != ""
}

// text returns what was set, else the table's default.
func (r *reader) text(name string) string {
	if text, ok := r.given(name); ok {
		return text
	}
	return table[name].Default
}

// secret returns what was set, exactly as it was set: blanks may belong to it.
func (r *reader) secret(name string) Secret {
	r.asked[name] = true
	if r.env[name] == "" {
		return Secret{}
	}
	return NewSecret(r.env[name])
}

// invalid reports a value that was set and what would have been allowed. It shows the value: never for a secret.
func (r *reader) invalid(name, text, allowed string) {
	r.report.fail(name, shown(text)+" is not allowed; allowed: "+allowed)
}

// missing reports a value that must be set, in the words operators of the original search for.
func (r *reader) missing(name, why string) {
	r.asked[name] = true
	r.report.fail(name, fmt.Sprintf("Invalid value at '%s. Should not be null. Have you checked environment variable %s is set? (%s)",
		table[name].Path, name, why))
}

func (r *reader) integer(name string, lo, hi int64) int64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < lo || n > hi {
		r.invalid(name, text, fmt.Sprintf("a whole number from %d to %d", lo, hi))
		return 0
	}
	return n
}

// millis reads a number of milliseconds.
func (r *reader) millis(name string, lo, hi time.Duration) time.Duration {
	return time.Duration(r.integer(name, lo.Milliseconds(), hi.Milliseconds())) * time.Millisecond
}

func (r *reader) boolean(name string) bool {
	text := r.text(name)
	switch strings.ToLower(text) {
	case "true":
		return true
	case "false", "":
		return false
	}
	r.invalid(name, text, "true or false")
	return false
}

// choice reads one of several words whatever its case, and returns it as it stands in allowed, empty when it is none.
func (r *reader) choice(name string, allowed ...string) string {
	text := r.text(name)
	for _, word := range allowed {
		if strings.EqualFold(word, text) {
			return word
		}
	}
	r.invalid(name, text, strings.Join(allowed, ", "))
	return ""
}

// host reads a host name or an address without a port.
func (r *reader) host(name string) string {
	text := r.text(name)
	if !isHost(text) {
		r.invalid(name, text, "a host name or an address, without a port and without ://")
		return ""
	}
	return text
}

// maxLabel bounds names that go into requests to the brokers.
const maxLabel = 255

// label reads a name that goes into requests to the brokers.
func (r *reader) label(name string) string {
	text := r.text(name)
	if len(text) > maxLabel || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		r.invalid(name, text, fmt.Sprintf("at most %d bytes of UTF-8 without control characters", maxLabel))
		return ""
	}
	return text
}

// level reads a log4j2 level.
func (r *reader) level(name string) slog.Level {
	switch r.choice(name, "off", "fatal", "error", "warn", "info", "debug", "trace", "all") {
	case "off":
		return LevelOff
	case "fatal", "error":
		return slog.LevelError
	case "warn":
		return slog.LevelWarn
	case "debug":
		return slog.LevelDebug
	case "trace", "all":
		return LevelTrace
	}
	return slog.LevelInfo
}

// maxShown bounds how much of a value an error repeats.
const maxShown = 80

// shown quotes a value for an error, shortened.
func shown(text string) string {
	if len(text) > maxShown {
		return strconv.Quote(text[:maxShown]) + "…"
	}
	return strconv.Quote(text)
}
