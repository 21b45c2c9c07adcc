package registry

import (
	"context"
	"errors"
	"iter"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/safeconduct/safeconduct/attest"
	"github.com/safeconduct/safeconduct/verify"
)

// ErrHeadMoved is returned by [Log.Append] where the log has another size than
// the batch starts at: somebody else has written to it.
var ErrHeadMoved = errors.New("the log does not end where the batch starts")

// ErrFull is returned by [Order.Append] and [Log.Keep], before
// anything is written, where the store has no room left. Later calls may
// succeed.
var ErrFull = errors.New("the disk is full, or nearly so; nothing was written; make room")

// An Order is the durable order of leaves: append if the head is where I left
// it, read from n, head. One goroutine at a time appends; the other methods may
// be called concurrently with it, and see whole batches only.
type Order interface {
	// Head returns where the log ends; the zero Head for an empty log.
	Head() (Head, error)
	// Append makes a batch durable, all or nothing. It returns [ErrHeadMoved]
	// where the log's size is not batch.Start, and [ErrFull] where there is no
	// room for it; after any other error it is unknown whether the batch is in
	// the log.
	Append(ctx context.Context, batch Batch) error
	// Leaves yields the leaves from that index on, in order, up to the head as
	// it stood at the call. The caller may keep a leaf and does not change it.
	// A leaf that is missing or cannot be read is an error, and it ends after
	// the first.
	Leaves(from int64) iter.Seq2[[]byte, error]
}

// A Log is an order and what is derived from it, in one store. It is
// implemented by package badgerlog. One goroutine at a time writes (Append and
// Keep); all others may be called concurrently with it.
type Log interface {
	Order
	tlog.HashReader

	// Keep makes durable what cosigners say of what is logged, all or nothing.
	// It returns [ErrNotFound] where no batch has the checkpoint's size, and
	// [ErrFull] as Append does.
	Keep(ctx context.Context, s Standing) error
	// Checkpoint returns the kept checkpoint of a size, or [ErrNotFound]. Every
	// Batch.Checkpoint that was appended is kept.
	Checkpoint(size int64) ([]byte, error)
	// Quorate returns the size of the newest checkpoint that satisfied the
	// register's cosigning policy, 0 for none.
	Quorate() (int64, error)
	// Sizes returns what each cosigner last confirmed, by its verifier key.
	Sizes() (map[string]int64, error)

	// Leaf returns a leaf, or [ErrNotFound].
	Leaf(index int64) ([]byte, error)
	// Find returns where the statement stands that an issuer made under a jti.
	Find(iss, jti string) (place Place, ok bool, err error)
	// History returns the whole history of a subject in log order, empty for
	// one without statements.
	History(subject string) ([]HistoryEntry, error)
	// Subjects yields the subjects that begin with prefix and are not before
	// from, sorted bytewise. It ends after the first error.
	Subjects(prefix, from string) iter.Seq2[Subject, error]
}

// A Head is where a log ends.
type Head struct {
	// Size is the number of leaves.
	Size int64
	// Checkpoint is the newest, a signed note.
	Checkpoint []byte
}

// A Batch is what is appended at once: statement leaves, the status leaf that
// closes them, and all that is derived. A replica appends several batches of
// its register as one.
type Batch struct {
	// Start is the index of the first leaf.
	Start int64
	// Leaves are statements and status leaves in log order, the last one a
	// status leaf.
	Leaves [][]byte
	// Hashes are the tree's stored hashes (see [tlog.StoredHashes]) of all
	// leaves, from stored index [tlog.StoredHashCount](Start) on.
	Hashes []tlog.Hash
	// Statements are the names of the statements, in order.
	Statements []Named
	// Entries are the new entries of histories, of one subject in log order.
	Entries []SubjectEntry
	// Checkpoint is the signed note for the size Start+len(Leaves).
	Checkpoint []byte
	// Kept are the signed notes of smaller sizes within the batch, ascending,
	// as far as whoever appends has them. They are kept like Checkpoint.
	Kept []Head
}

// A Standing is what cosigners say of what is logged. What is zero stays as it
// was.
type Standing struct {
	// Checkpoint replaces the kept checkpoint of its size by one with other
	// signatures.
	Checkpoint Head
	// Quorate is the size of the newest checkpoint that satisfied the register's
	// cosigning policy.
	Quorate int64
	// Sizes are what cosigners have confirmed, by verifier key. Those of others
	// stay.
	Sizes map[string]int64
}

// Named is a statement's name and its place.
type Named struct {
	Iss, JTI string
	Place
}

// A Place is where a statement stands.
type Place struct {
	// Index is its log index.
	Index int64
	// Size is that of the checkpoint which closed its batch; the status leaf
	// of the batch stands at Size-1.
	Size int64
	// LeafHash is its RFC 6962 leaf hash.
	LeafHash tlog.Hash
}

// A HistoryEntry is a statement's entry in the history of one subject.
type HistoryEntry struct {
	// Index is the statement's log index.
	Index int64
	// Time is its batch's, to the millisecond.
	Time time.Time
	// Tag names its lineage.
	Tag attest.Tag
	// LeafHash is its RFC 6962 leaf hash.
	LeafHash tlog.Hash
	// Chain is the subject's chain up to and with this entry.
	Chain [32]byte
}

// A SubjectEntry is an entry and the subject whose history it goes into.
type SubjectEntry struct {
	Subject string
	HistoryEntry
	// Value is the subject's value in the status map from this entry on.
	Value verify.MapValue
}

// A Subject is a subject and its value in the status map.
type Subject struct {
	Name  string
	Value verify.MapValue
}
