package finder

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// best are the best of many proposals, no more than most. A word that every name
// has proposes every thing, and to put them all in order would take longer than
// to find them.
type best struct {
	most int
	// heap has the worst of them first.
	heap worstFirst
}

// inOrder compares proposals as a page lists them: by score, then by id.
func inOrder(a, b proposal) int {
	return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.thing.id, b.thing.id))
}

// take takes a proposal in, if it is one of the best so far.
func (b *best) take(p proposal) {
	switch {
	case len(b.heap) < b.most:
		heap.Push(&b.heap, p)
	case inOrder(p, b.heap[0]) < 0:
		b.heap[0] = p
		heap.Fix(&b.heap, 0)
	}
}

// sorted returns them in order.
func (b *best) sorted() []proposal {
	slices.SortFunc(b.heap, inOrder)
	return b.heap
}

// worstFirst implements [heap.Interface].
type worstFirst []proposal

func (w worstFirst) Len() int           { return len(w) }
func (w worstFirst) Less(i, j int) bool { return inOrder(w[i], w[j]) > 0 }
func (w worstFirst) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }

func (w *worstFirst) Push(p any) { *w = append(*w, p.(proposal)) }

func (w *worstFirst) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}
