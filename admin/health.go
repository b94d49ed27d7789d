package admin

import (
	"bytes"
	"net/http"
)

type healthCheck struct {
	ID     string            `json:"id"`
	Status string            `json:"status"`
	Data   map[string]string `json:"data,omitempty"`
}

// health is the founding demo's container check: it says UP as long as the process answers.
func (s *Server) health(request) answer {
	return inJSON(http.StatusOK, struct {
		Status  string        `json:"status"`
		Checks  []healthCheck `json:"checks"`
		Outcome string        `json:"outcome"`
	}{
		Status: "UP",
		Checks: []healthCheck{
			{ID: "buildInfo", Status: "UP", Data: map[string]string{
				"version": s.o.Version, "time": s.o.BuildTime, "commit": s.o.Commit,
			}},
			{ID: "live", Status: "UP"},
		},
		Outcome: "UP",
	})
}

func (s *Server) live(request) answer { return text(http.StatusOK, "LIVE") }

// ready answers READY, or NOTREADY and the reason on a line of its own.
func (s *Server) ready(request) answer {
	if err := s.o.Ready(); err != nil {
		return text(http.StatusServiceUnavailable, "NOTREADY\n"+err.Error())
	}
	return text(http.StatusOK, "READY")
}

func (s *Server) versions(request) answer {
	return inJSON(http.StatusOK, map[string]string{"gateway": s.o.Version})
}

// metrics writes the process's metrics, then the server's own.
func (s *Server) metrics(request) answer {
	var b bytes.Buffer
	if s.o.WriteMetrics != nil {
		s.o.WriteMetrics(&b)
	}
	s.counters.WritePrometheus(&b)
	return answer{status: http.StatusOK, contentType: typeMetrics, body: b.Bytes()}
}
