package config

import (
	"errors"
	"strings"
)

// Report is all that Load has to say. None of it holds the value of a secret.
type Report struct {
	// Notes are lines to print first, as they are.
	Notes []string
	// Errors is everything that is wrong; most are of type *Error.
	Errors []error
	// Warnings are oddities that do not stop the gateway.
	Warnings []string
	// NotApplicable names the variables that were set, are known, and have no effect here; sorted.
	NotApplicable []string
}

// Error is one variable with a value the gateway cannot run with.
type Error struct {
	// Variable is the name of the environment variable.
	Variable string
	// Problem says what is wrong with it and what is allowed.
	Problem string
}

// Error returns `config: VARIABLE: problem`.
func (e *Error) Error() string { return "config: " + e.Variable + ": " + e.Problem }

// Failed tells whether the gateway must not start.
func (r *Report) Failed() bool { return len(r.Errors) > 0 }

// Err joins all errors into one, nil when there is none.
func (r *Report) Err() error { return errors.Join(r.Errors...) }

// NotApplicableLine is the one line that names what was set without effect, empty when there is nothing to name.
func (r *Report) NotApplicableLine() string {
	if len(r.NotApplicable) == 0 {
		return ""
	}
	return "accepted, not applicable to this gateway: " + strings.Join(r.NotApplicable, ", ")
}

func (r *Report) fail(variable, problem string) {
	r.Errors = append(r.Errors, &Error{Variable: variable, Problem: problem})
}

func (r *Report) warn(text string) { r.Warnings = append(r.Warnings, text) }
