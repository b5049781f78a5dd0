#!/bin/sh -ex
xl destroy "$1" || true
