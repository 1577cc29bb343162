// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rollcall-iam/rollcall/test/installation"
)

// work is a person's requests, one after the other, each with the kubeconfig that is in the Secret at that moment.
type work struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	count  int
	err    error
}

func (w *worker) work(ctx context.Context) *work {
	inner, cancel := context.WithCancel(ctx)
	running := &work{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(running.done)
		for inner.Err() == nil && running.err == nil {
			if err := w.request(ctx); err != nil {
				running.err = fmt.Errorf("after %d requests: %w", running.served(), err)
				return
			}
			running.mu.Lock()
			running.count++
			running.mu.Unlock()
		}
	}()
	return running
}

func (w *worker) request(ctx context.Context) error {
	if _, err := w.fetch(ctx); err != nil {
		return err
	}
	_, err := w.kubectl(ctx, "get", "configmaps", "-n", "pay")
	return err
}

func (w *work) served() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *work) stop() error {
	w.cancel()
	<-w.done
	return w.err
}

// seen is what looking at a Secret showed.
type seen struct {
	looks              int
	certificates, keys map[string]bool
	torn               []error
}

// watcher looks at a Secret as fast as it can, and at every version that there ever is.
type watcher struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	seen   seen
}

func lookAt(ctx context.Context, name string) *watcher {
	GinkgoHelper()
	inner, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, done: make(chan struct{}), seen: seen{certificates: map[string]bool{}, keys: map[string]bool{}}}
	secrets := clientset().CoreV1().Secrets(installation.Namespace)
	every, err := secrets.Watch(ctx, metav1.SingleObject(metav1.ObjectMeta{Name: name}))
	Expect(err).NotTo(HaveOccurred())
	go func() {
		for event := range every.ResultChan() {
			if s, ok := event.Object.(*corev1.Secret); ok {
				w.look(s.Data, nil)
			}
		}
	}()
	go func() {
		defer close(w.done)
		defer every.Stop()
		for inner.Err() == nil {
			found, err := secrets.Get(inner, name, metav1.GetOptions{})
			if inner.Err() != nil {
				return
			}
			if err != nil {
				w.look(nil, err)
				continue
			}
			w.look(found.Data, nil)
		}
	}()
	return w
}

func (w *watcher) look(data map[string][]byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen.looks++
	w.seen.certificates[string(data["tls.crt"])] = true
	w.seen.keys[string(data["tls.key"])] = true
	if err = errors.Join(err, whole(data)); err != nil {
		w.seen.torn = append(w.seen.torn, err)
	}
}

func (w *watcher) certificates() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen.certificates)
}

func (w *watcher) stop() seen {
	w.cancel()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// whole says how the parts of a kubeconfig Secret do not belong together.
func whole(data map[string][]byte) error {
	if _, err := tls.X509KeyPair(data["tls.crt"], data["tls.key"]); err != nil {
		return err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(data["kubeconfig"])
	switch {
	case err != nil:
		return err
	case !bytes.Equal(config.CertData, data["tls.crt"]), !bytes.Equal(config.KeyData, data["tls.key"]):
		return errors.New("the kubeconfig has another certificate or key")
	case !bytes.Equal(config.CAData, data["ca.crt"]), !bytes.Equal(config.CAData, plane.CACert()):
		return errors.New("the kubeconfig trusts another authority")
	case config.Host != plane.URL(), config.Insecure:
		return fmt.Errorf("the kubeconfig leads to %s, insecurely: %t", config.Host, config.Insecure)
	}
	return nil
}
