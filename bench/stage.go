package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"

	"github.com/safeconduct/safeconduct/registry/badgerlog"
)

// stages are what has a process of its own.
var stages = map[string]func(context.Context, []byte) (any, error){
	"bare":      stage(bareStage),
	"badger":    stage(badgerStage),
	"raw":       stage(rawStage),
	"corpus":    stage(corpusStage),
	"admission": stage(admissionStage),
	"latency":   stage(latencyStage),
	"evidence":  stage(evidenceStage),
	"decide":    stage(decideStage),
	"serve":     stage(servingStage),
	"present":   stage(presentStage),
	"restart":   stage(restartStage),
	"replay":    stage(replayStage),
	"pages":     stage(pagesStage),
}

// stage reads what f is given from JSON.
func stage[In, Out any](f func(context.Context, In) (Out, error)) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, data []byte) (any, error) {
		var in In
		if err := json.Unmarshal(data, &in); err != nil {
			return nil, err
		}
		return f(ctx, in)
	}
}

// profiles is the directory for profiles, empty for none.
var profiles string

// profileHeap keeps a profile of what the process holds now, collected or not.
func profileHeap(name string) error {
	if profiles == "" {
		return nil
	}
	f, err := os.CreateTemp(profiles, name+"-heap-*.pprof")
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}

// answer runs one stage: what it is given on r, what it found on w.
func answer(ctx context.Context, name string, r io.Reader, w io.Writer) (err error) {
	f, ok := stages[name]
	if !ok {
		return fmt.Errorf("there is no stage %q", name)
	}
	in, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if profiles != "" {
		stop, err := profile(name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	// As serve does.
	badgerlog.LimitMemory()
	out, err := f(ctx, in)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(out)
}

func profile(name string) (stop func() error, err error) {
	f, err := os.CreateTemp(profiles, name+"-*.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// isolated runs a stage in a process of its own. What that says on standard
// error, which is mostly its libraries' progress, is shown where it fails.
func isolated[Out any](ctx context.Context, name string, in any) (out Out, err error) {
	data, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	self, err := os.Executable()
	if err != nil {
		return out, err
	}
	args := []string{"-stage", name}
	if profiles != "" {
		at, err := filepath.Abs(profiles)
		if err != nil {
			return out, err
		}
		if err := os.MkdirAll(at, 0o755); err != nil {
			return out, err
		}
		args = append(args, "-profile", at)
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, self, args...)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(data), &stdout, &stderr
	if err := c.Run(); err != nil {
		return out, fmt.Errorf("measure %s: %w\n%s", name, err, tail(stderr.Bytes()))
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		return out, fmt.Errorf("measure %s: %w", name, err)
	}
	return out, nil
}

// inFresh is isolated for a stage that fills a directory of its own, which is
// removed after it.
func inFresh[Out any](ctx context.Context, b *bench, name string, in func(dir string) any) (out Out, err error) {
	dir, err := b.fresh(name)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return isolated[Out](ctx, name, in(dir))
}

// tail returns the end of what a process said.
func tail(said []byte) []byte {
	const most = 4 << 10
	return said[max(0, len(said)-most):]
}
