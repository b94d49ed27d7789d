package engine

import (
	"fmt"
	"log/slog"
)

// quiet lets gnet's complaints into our log. gnet speaks of every connection
// that was reset; that is told by the session's own line already.
type quiet struct{ log *slog.Logger }

func (q quiet) Debugf(string, ...any) {}
func (q quiet) Infof(string, ...any)  {}
func (q quiet) Warnf(format string, args ...any) {
	q.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}

func (q quiet) Errorf(format string, args ...any) {
	q.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}

func (q quiet) Fatalf(format string, args ...any) {
	q.log.Error("gnet: " + fmt.Sprintf(format, args...))
}
