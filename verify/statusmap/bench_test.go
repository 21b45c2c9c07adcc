package statusmap_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/safeconduct/safeconduct/verify/statusmap"
)

func BenchmarkBuild(b *testing.B) {
	for _, size := range []int{1e5, 1e6} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.ReportAllocs()
			var m *statusmap.Map
			for b.Loop() {
				m = new(statusmap.Map).Set(numbered(0, size))
			}
			var with, without runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&with)
			runtime.KeepAlive(m)
			runtime.GC()
			runtime.ReadMemStats(&without)
			b.ReportMetric(float64(with.HeapAlloc-without.HeapAlloc)/float64(size), "heap-B/key")
		})
	}
}

// A batch of the register on a map of a million keys, half of them new.
func BenchmarkSet(b *testing.B) {
	m := new(statusmap.Map).Set(numbered(0, 1e6))
	for _, batch := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Set(numbered(1e6-batch/2, 1e6+batch-batch/2))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/key")
		})
	}
}

func BenchmarkProve(b *testing.B) {
	const size = 1e6
	m := new(statusmap.Map).Set(numbered(0, size))
	keys := make([][32]byte, 1<<12)
	for i := range keys {
		keys[i] = numberedKey(i * 400) // some beyond size are absent
	}
	var i, total int
	b.ReportAllocs()
	for b.Loop() {
		total += len(m.Prove(keys[i%len(keys)]))
		i++
	}
	b.ReportMetric(float64(total)/float64(b.N), "proof-B")
}

func BenchmarkCheck(b *testing.B) {
	const size = 1e6
	m := new(statusmap.Map).Set(numbered(0, size))
	root := m.Root()
	b.Run("Present", func(b *testing.B) {
		key := numberedKey(1)
		value, _ := m.Get(key)
		proof := m.Prove(key)
		b.ReportAllocs()
		for b.Loop() {
			if err := statusmap.CheckPresent(root, key, value, proof); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Absent", func(b *testing.B) {
		key := numberedKey(size)
		proof := m.Prove(key)
		b.ReportAllocs()
		for b.Loop() {
			if err := statusmap.CheckAbsent(root, key, proof); err != nil {
				b.Fatal(err)
			}
		}
	})
}
