package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
)

// source reads a key set's bytes.
type source func(context.Context) ([]byte, error)

// open chooses the source by the URL's scheme.
func open(u *url.URL, client *http.Client) (source, error) {
	switch u.Scheme {
	case "file":
		if u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return nil, errors.New("a file URL has the form file:///path/to/set.json")
		}
		return func(context.Context) ([]byte, error) { return readFile(u.Path) }, nil
	case "http", "https":
		if u.Host == "" {
			return nil, errors.New("the host is missing")
		}
		c := http.Client{}
		if client != nil {
			c = *client
		}
		if c.CheckRedirect == nil {
			c.CheckRedirect = stayEncrypted
		}
		return func(ctx context.Context) ([]byte, error) { return get(ctx, &c, u.String()) }, nil
	}
	return nil, fmt.Errorf("the scheme is %q, wanted is https, http or file", u.Scheme)
}

// stayEncrypted follows a few redirects, but never from https to http.
func stayEncrypted(next *http.Request, before []*http.Request) error {
	if len(before) >= 5 {
		return errors.New("more than 5 redirects")
	}
	if before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("a redirect from https to " + next.URL.Scheme)
	}
	return nil
}

// readFile asks first whether it is a file: opening a pipe would wait.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New(path + " is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readSet(f)
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		var told *url.Error // which repeats the address
		if errors.As(err, &told) {
			err = told.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	return readSet(response.Body)
}

// readSet reads one byte more than a set may have, so that parse sees that it
// is too large.
func readSet(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, MaxSet+1))
}
