package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	antispam "github.com/transparency-dev/tessera/storage/posix/antispam"

	"github.com/safeconduct/safeconduct/registry/registrytest"
	"github.com/safeconduct/safeconduct/verify"
)

// tesseraLog is a log of Tessera on a POSIX file system with badger antispam,
// set up as its conformance program does, but for the size of a batch.
type tesseraLog struct {
	add      tessera.AddFn
	reader   tessera.LogReader
	shutdown func(context.Context) error
	cancel   context.CancelFunc
}

func openTessera(ctx context.Context, dir string, batch int) (rawLog, error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &tesseraLog{cancel: cancel}
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		cancel()
		return nil, err
	}
	spam, err := antispam.NewAntispam(ctx, filepath.Join(dir, ".state", "antispam"), antispam.AntispamOpts{})
	if err != nil {
		cancel()
		return nil, err
	}
	signer, _ := registrytest.LogSigner()
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second).
		WithCheckpointRepublishInterval(time.Minute).
		WithBatching(uint(batch), time.Second).
		WithAntispam(tessera.DefaultAntispamInMemorySize, spam))
	if err != nil {
		cancel()
		return nil, err
	}
	t.add, t.shutdown, t.reader = appender.Add, shutdown, reader
	return t, nil
}

// pushedBack is how long a writer waits who was told that too many do.
const pushedBack = 10 * time.Millisecond

func (t *tesseraLog) Add(ctx context.Context, leaf []byte) (int64, error) {
	for {
		i, err := t.add(ctx, tessera.NewEntry(leaf))()
		if err == nil {
			return int64(i.Index), nil
		}
		if !errors.Is(err, tessera.ErrPushback) {
			return 0, err
		}
		select {
		case <-time.After(pushedBack):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (t *tesseraLog) Published(ctx context.Context) (int64, error) {
	cp, err := t.reader.ReadCheckpoint(ctx)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c, err := verify.ParseCheckpoint(cp)
	return c.Tree.N, err
}

func (t *tesseraLog) Close(ctx context.Context) error {
	defer t.cancel()
	return t.shutdown(ctx)
}
