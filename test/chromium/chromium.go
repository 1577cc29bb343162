// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package chromium runs Debian's Chromium without a screen, for specs of what people see and do in a browser. It is driven by its own
// protocol for developers: keys and clicks arrive in a page as those of a person do.
package chromium

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	// width and height are those of a page.
	width  = 640
	height = 480
	// patience is how long what a person does next may take to be there.
	patience = 30 * time.Second
	// goodbye is how long the browser may take to end.
	goodbye = 10 * time.Second
)

// Browser is a browser that runs, until Close, with a home of its own.
type Browser struct {
	//nolint:containedctx // The browser is in it: that is how chromedp hands one on.
	ctx context.Context
	end context.CancelFunc
}

// Start runs a browser that keeps what it keeps below a folder, and that trusts authorities besides its own.
func Start(ctx context.Context, folder string, authorities ...[]byte) (*Browser, error) {
	for i, authority := range authorities {
		if err := trust(ctx, folder, fmt.Sprintf("authority-%d", i), authority); err != nil {
			return nil, err
		}
	}
	// It outlives what starts it: Close ends it.
	allocator, endAllocator := chromedp.NewExecAllocator(context.WithoutCancel(ctx), options(folder)...)
	running, endRunning := chromedp.NewContext(allocator)
	b := &Browser{ctx: running, end: func() { endRunning(); endAllocator() }}
	if err := chromedp.Do(running); err != nil {
		b.end()
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return b, nil
}

// options make a browser that asks nobody but servers on this machine, and knows nothing of whoever runs the specs.
func options(folder string) []chromedp.ExecAllocatorOption {
	with := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromiumPath), chromedp.UserDataDir(filepath.Join(folder, "profile")), chromedp.WindowSize(width, height),
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.NoInheritEnv, chromedp.Env("HOME="+folder, "PATH="+os.Getenv("PATH"), "LANG=C.UTF-8"),
	)
	if os.Geteuid() == 0 {
		with = append(with, chromedp.NoSandbox) // Root has no sandbox to run in.
	}
	return with
}

// trust puts an authority where Chromium looks for those that the person at this machine trusts.
func trust(ctx context.Context, folder, name string, authority []byte) error {
	database := filepath.Join(folder, ".pki", "nssdb")
	if err := os.MkdirAll(database, 0o700); err != nil {
		return err
	}
	file := filepath.Join(folder, name+".crt")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, certutilPath, "-d", "sql:"+database, "-A", "-t", "C,,", "-n", name, "-i", file)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("have Chromium trust %s: %w:\n%s", name, err, output)
	}
	return nil
}

// Close ends the browser.
func (b *Browser) Close() error {
	defer b.end()
	bounded, cancel := context.WithTimeout(b.ctx, goodbye)
	defer cancel()
	if err := chromedp.Cancel(bounded); err != nil {
		return fmt.Errorf("end Chromium: %w", err)
	}
	return nil
}

// Page is a tab.
type Page struct {
	//nolint:containedctx // The tab is in it, as the browser is in the Browser's.
	ctx        context.Context
	mutex      sync.Mutex
	complaints []string
}

// Open opens an address in a new tab.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	tab, closeTab := chromedp.NewContext(b.ctx)
	p := &Page{ctx: tab}
	//nolint:contextcheck // The tab is opened by the first use of its own context, and closed when that ends.
	err := chromedp.Do(tab, chromedp.EmulateViewport(width, height))
	if err == nil {
		err = chromedp.Listen(tab, p.hear) //nolint:contextcheck // It listens for as long as the tab is there.
	}
	if err == nil {
		err = p.do(ctx, chromedp.Navigate(address))
	}
	if err != nil {
		closeTab()
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	return p, nil
}

// hear keeps what the browser has to say of the page.
func (p *Page) hear(event any) {
	var complaint string
	switch e := event.(type) {
	case *log.EventEntryAdded:
		complaint = e.Entry.Text
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		complaint = "console." + string(e.Type)
	default:
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.complaints = append(p.complaints, complaint)
}

// Complaints are what the browser's console has of the page so far: errors of scripts, and what a policy of the page forbids.
func (p *Page) Complaints() []string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return slices.Clone(p.complaints)
}

// Resize makes the page's window larger or smaller.
func (p *Page) Resize(ctx context.Context, width, height int64) error {
	return p.do(ctx, chromedp.EmulateViewport(width, height))
}

// Paper is the page as it is printed, as PDF.
func (p *Page) Paper(ctx context.Context) ([]byte, error) { return run(ctx, p, chromedp.PrintToPDF()) }

// Close closes the tab.
func (p *Page) Close() error { return chromedp.Cancel(p.ctx) }

// Type types into a field, once it is there.
func (p *Page) Type(ctx context.Context, field, text string) error {
	return p.do(ctx, chromedp.SendKeys(chromedp.CSS(field), text))
}

// Click clicks on what is named, once it is there.
func (p *Page) Click(ctx context.Context, what string) error {
	return p.do(ctx, chromedp.Click(chromedp.CSS(what)))
}

// Read waits for an element and answers its text, as a person sees it.
func (p *Page) Read(ctx context.Context, what string) (string, error) {
	return run(ctx, p, chromedp.Text(chromedp.CSS(what)))
}

// Evaluate answers what an expression of JavaScript says of the page.
func (p *Page) Evaluate(ctx context.Context, expression string) (string, error) {
	return run(ctx, p, chromedp.Evaluate[string](expression))
}

// Picture is what the page looks like, as PNG, to somebody who prefers light or dark pages.
func (p *Page) Picture(ctx context.Context, scheme string) ([]byte, error) {
	preferred := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	err := p.do(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, preferred)
		return err
	}))
	if err != nil {
		return nil, err
	}
	return run(ctx, p, chromedp.CaptureScreenshot())
}

func (p *Page) do(ctx context.Context, steps ...chromedp.Action[chromedp.Void]) error {
	_, err := run(ctx, p, chromedp.Steps(steps...))
	return err
}

// run does something in the tab, and gives up in the end: what is waited for may never be there.
func run[T any](ctx context.Context, p *Page, action chromedp.Action[T]) (T, error) {
	bounded, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	return chromedp.Run(bounded, action) //nolint:contextcheck // It ends with ctx, too.
}
