package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// ErrMissing says that this machine lacks the interpreter or the package
// manager that a client needs.
var ErrMissing = errors.New("missing on this machine")

const (
	// installTimeout bounds one installation, download included.
	installTimeout = 5 * time.Minute
	// completeMarker is written last: a folder without it does not count.
	completeMarker = ".complete"
)

// installation is a folder in the cache that is made from a pinned list.
type installation struct {
	name  string
	lists []string // files that say what is installed; copied into the folder
	build func(ctx context.Context, dir string) error
}

// path returns the folder, installing it when it is not there. The folder is
// built where it stays, for a Python environment cannot be moved; whether it is
// complete is what its marker tells.
func (i installation) path(ctx context.Context) (string, error) {
	dir, err := i.folder()
	if err != nil {
		return "", fmt.Errorf("clients: %s: %w", i.name, err)
	}
	if complete(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("clients: %s: cache folder: %w", i.name, err)
	}
	unlock, err := lockFile(dir + ".lock")
	if err != nil {
		return "", fmt.Errorf("clients: %s: lock: %w", i.name, err)
	}
	defer unlock()
	if complete(dir) {
		return dir, nil
	}
	if err := i.install(ctx, dir); err != nil {
		return "", fmt.Errorf("clients: %s: %w", i.name, err)
	}
	return dir, nil
}

// folder is named by the contents of the lists: a changed list is a new one.
func (i installation) folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, list := range i.lists {
		content, err := os.ReadFile(list)
		if err != nil {
			return "", err
		}
		_, _ = sum.Write(content) // a hash never fails
	}
	return filepath.Join(cache, "postern", "clients", i.name+"-"+hex.EncodeToString(sum.Sum(nil)[:4])), nil
}

func (i installation) install(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	// A folder without the marker can only be the leftover of a killed run.
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, list := range i.lists {
		content, err := os.ReadFile(list)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(list)), content, 0o644); err != nil {
			return err
		}
	}
	if err := i.build(ctx, dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, completeMarker), nil, 0o644)
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, completeMarker))
	return err == nil
}

// lockFile takes an exclusive lock that the kernel drops with the process, and
// waits for it. The file stays: removing it would let two holders in.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, err
		}
	}
}

// find returns the path of a program, or ErrMissing.
func find(client, program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("clients: %s: no %s on the PATH: %w", client, program, ErrMissing)
	}
	return path, nil
}

// step runs one command of an installation in its folder.
func step(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), args[0], err, out[max(0, len(out)-2000):])
	}
	return nil
}
