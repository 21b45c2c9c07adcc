package gate

// The bounds that tests go up to.
const (
	MaxHeader   = maxHeader
	MaxOpenings = maxOpenings
)
