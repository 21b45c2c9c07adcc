package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// A reread is read again when the process is told to (SIGHUP). What read cannot
// read again stays as it was.
type reread struct {
	what string
	read func() error
}

// rereading has everything read again, whenever the process is told to look.
func rereading(logger *slog.Logger, all ...reread) func(context.Context) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	return func(ctx context.Context) error {
		defer signal.Stop(told)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-told:
			}
			for _, r := range all {
				if err := r.read(); err != nil {
					logger.Error("this could not be read again, and stays as it was", slog.String("what", r.what), slog.Any("error", err))
					continue
				}
				logger.Info("this was read again", slog.String("what", r.what))
			}
		}
	}
}
