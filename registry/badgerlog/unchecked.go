package badgerlog

import (
	"fmt"
	"log/slog"
)

// OpenUnchecked opens a log as [Open] does, but does not look whether what is
// stored agrees: for [registry.Check] and [registry.Rebuild], which tell how a
// damaged log is damaged and what of it is good. No register may go on with
// what it opens. Files that badger cannot read are refused here, too.
func OpenUnchecked(dir string, logger *slog.Logger) (*Log, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l, err := open(dir, memtable, logger, func(l *Log, _ span) error { return l.claim() })
	if err != nil {
		return nil, fmt.Errorf("open the log in %s as it is: %w", dir, err)
	}
	return l, nil
}
