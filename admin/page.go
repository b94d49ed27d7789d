package admin

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"net/http"
)

// redoc is the script that renders the document, as it is sent to a browser; see redoc/README.md.
//
//go:embed redoc/redoc.standalone.js.gz
var redoc []byte

// frame is the page at the root. Its addresses are relative, so that it also works behind a proxy with a path prefix.
const frame = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern admin API</title>
</head>
<body style="margin: 0">
<noscript>The OpenAPI document is at <a href="gateway/v2/docs">gateway/v2/docs</a>.</noscript>
<redoc spec-url="gateway/v2/docs" disable-search="true"></redoc>
<script src="gateway/v2/docs/redoc.js"></script>
</body>
</html>
`

// What the page may do: run its own script, which writes its styles, and read the document. Nothing from elsewhere.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func (s *Server) page(request) answer {
	return answer{status: http.StatusOK, contentType: "text/html; charset=utf-8", body: []byte(frame)}.
		with("Content-Security-Policy", pagePolicy)
}

func (s *Server) docs(request) answer {
	return answer{status: http.StatusOK, contentType: typeJSON, body: s.document}
}

// renderer sends the script packed to those who can unpack it.
func (s *Server) renderer(r request) answer {
	a := answer{status: http.StatusOK, contentType: "text/javascript; charset=utf-8", body: redoc}.with("Vary", "Accept-Encoding")
	if r.unpacks {
		return a.with("Content-Encoding", "gzip")
	}
	z, err := gzip.NewReader(bytes.NewReader(redoc))
	if err == nil {
		a.body, err = io.ReadAll(z)
	}
	if err != nil {
		panic(fmt.Sprintf("admin: the embedded script: %v", err))
	}
	return a
}
