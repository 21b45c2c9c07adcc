package badgerlog

import (
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"
)

// OpenUnchecked opens a log as [Open] does, but does not look whether what is
// stored agrees: for [registry.Checkup] and [registry.Rebuild], which tell how a
// damaged log is damaged and what of it is good. No register may go on with
// what it opens. Files that badger cannot read are refused here, too, and what
// is known to have lost acknowledged writes.
func OpenUnchecked(dir string, logger *slog.Logger) (*Log, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l, err := open(dir, memtable, logger, func(l *Log, _ span) error {
		if err := l.claim(); err != nil {
			return err
		}
		return l.lostNothing()
	})
	if err != nil {
		return nil, fmt.Errorf("open the log in %s as it is: %w", dir, err)
	}
	return l, nil
}

// lostNothing refuses a store that counts fewer writes than were acknowledged:
// made anew from its leaves it would look whole, and nothing would tell any more
// that its end is gone. A count that cannot be read is for a check to find.
func (l *Log) lostNothing() error {
	var writes int64
	err := l.db.View(func(txn *badger.Txn) (err error) {
		writes, err = getNumber(txn, writesKey)
		return err
	})
	head, herr := l.Head()
	if err != nil || herr != nil || !l.acked.known {
		return nil //nolint:nilerr // see above
	}
	if writes < l.acked.writes || head.Size < l.acked.size {
		return l.acked.missing(writes, head.Size)
	}
	return nil
}
