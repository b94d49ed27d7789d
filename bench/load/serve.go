package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Ready is the second line of the conversation of a load process with its
// parent: the parent sends the Spec as JSON; the process answers Ready; the
// parent sends any line; the process answers with a Reply as JSON. Connections
// stay open until the parent closes the pipe; where it does so earlier, the work
// ends there.
const Ready = "ready"

// Reply is the last line a load process writes.
type Reply struct {
	Outcome Outcome `json:"outcome"`
	Error   string  `json:"error,omitempty"`
}

// Serve is the whole of a load process: one workload, asked for on in, answered
// on out. A workload that fails is told in the reply; the error returned is about
// the conversation.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("load: spec: %w", err)
	}
	var s Spec
	if err := json.Unmarshal(line, &s); err != nil {
		return fmt.Errorf("load: spec: %w", err)
	}
	w, err := New(s)
	if err != nil {
		return reply(out, Outcome{}, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	defer w.Close()
	if err := w.Prepare(ctx); err != nil {
		return reply(out, Outcome{}, err)
	}
	if _, err := fmt.Fprintln(out, Ready); err != nil {
		return fmt.Errorf("load: ready: %w", err)
	}
	if _, err := lines.ReadBytes('\n'); err != nil {
		if errors.Is(err, io.EOF) { // what was prepared was all that was wanted
			return nil
		}
		return fmt.Errorf("load: go: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := lines.ReadByte()
		cancel()
		ended <- err
	}()
	outcome, err := w.Run(ctx)
	if err := reply(out, outcome, err); err != nil {
		return err
	}
	switch err := <-ended; {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("load: end: %w", err)
	default:
		return errors.New("load: end: the parent said something more")
	}
}

// reply writes the last line.
func reply(out io.Writer, outcome Outcome, failure error) error {
	r := Reply{Outcome: outcome}
	if failure != nil {
		r.Error = failure.Error()
	}
	if err := json.NewEncoder(out).Encode(r); err != nil {
		return fmt.Errorf("load: reply: %w", err)
	}
	return nil
}
