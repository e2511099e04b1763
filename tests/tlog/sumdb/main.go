// Command sumdb checks a log laid out as C2SP tlog-tiles with the Go checksum database's own
// verifier: golang.org/x/mod/sumdb/note and .../tlog. It shares no code with evidence-vault.
//
// Usage: sumdb FOLDER VKEY
//
// FOLDER holds checkpoint and tile/...; VKEY is the log's Ed25519 verifier key (type 0x01).
// It verifies the note, every entry against its leaf hash, a record proof for every entry, and
// tree proofs from a set of earlier sizes, all rebuilt from the tiles through TileHashReader.
// It prints one line and exits 0, or prints the first mismatch and exits 1 (2 for usage).
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // 256 hashes a tile

// folderTiles reads tiles from a folder. Tiles that TileHashReader confirmed are kept.
type folderTiles struct {
	folder string
	kept   map[tlog.Tile][]byte
}

func (f *folderTiles) Height() int { return height }

func (f *folderTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, ok := f.kept[tile]
		if !ok {
			// C2SP paths are the Go paths without the tile height.
			name := "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
			var err error
			data, err = ioutil.ReadFile(filepath.Join(f.folder, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			if len(data) != tile.W*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes", name, len(data))
			}
		}
		all = append(all, data)
	}
	return all, nil
}

func (f *folderTiles) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, tile := range tiles {
		f.kept[tile] = data[i]
	}
}

// openCheckpoint verifies the note and reads the three lines of its text.
func openCheckpoint(folder, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	data, err := ioutil.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return tree, errors.New("checkpoint: not three lines, or another origin")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// readEntries returns the entries of bundle n of a log of size entries.
func readEntries(folder string, n, size int64) ([][]byte, error) {
	width := size - n<<height
	if width > 1<<height {
		width = 1 << height
	}
	tile := tlog.Tile{H: height, L: -1, N: n, W: int(width)}
	name := "tile/entries/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/data/", height))
	data, err := ioutil.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) >= 2 {
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, fmt.Errorf("%s is cut", name)
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if len(data) != 0 || int64(len(entries)) != width {
		return nil, fmt.Errorf("%s does not hold %d entries", name, width)
	}
	return entries, nil
}

func checkRecords(folder string, tree tlog.Tree, reader tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += 1 << height {
		entries, err := readEntries(folder, first>>height, tree.N)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			id := first + int64(i)
			proof, err := tlog.ProveRecord(tree.N, id, reader)
			if err != nil {
				return fmt.Errorf("record %d: %v", id, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, id, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("record %d: %v", id, err)
			}
		}
	}
	return nil
}

// earlierSizes returns 1, 2, and the neighbourhood of each power of two and of the size itself.
func earlierSizes(size int64) []int64 {
	seen := map[int64]bool{}
	var sizes []int64
	add := func(n int64) {
		if n >= 1 && n <= size && !seen[n] {
			seen[n] = true
			sizes = append(sizes, n)
		}
	}
	for power := int64(1); power <= size; power *= 2 {
		add(power - 1)
		add(power)
		add(power + 1)
	}
	for back := int64(0); back < 3; back++ {
		add(size - back)
	}
	add(size / 3)
	return sizes
}

func checkTrees(tree tlog.Tree, reader tlog.HashReader) (int, error) {
	sizes := earlierSizes(tree.N)
	for _, old := range sizes {
		hash, err := tlog.TreeHash(old, reader)
		if err != nil {
			return 0, fmt.Errorf("tree %d: %v", old, err)
		}
		proof, err := tlog.ProveTree(tree.N, old, reader)
		if err != nil {
			return 0, fmt.Errorf("tree %d: %v", old, err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, hash); err != nil {
			return 0, fmt.Errorf("tree %d: %v", old, err)
		}
	}
	return len(sizes), nil
}

func run(folder, vkey string) error {
	tree, err := openCheckpoint(folder, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, &folderTiles{folder, map[tlog.Tile][]byte{}})
	if err := checkRecords(folder, tree, reader); err != nil {
		return err
	}
	trees, err := checkTrees(tree, reader)
	if err != nil {
		return err
	}
	fmt.Printf("ok records=%d trees=%d\n", tree.N, trees)
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sumdb FOLDER VKEY")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
