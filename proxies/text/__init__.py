"""From files to documents to tokens.

addresses           Which files the text of a project may come from: local files and a few kinds of address
atomic_folders      Folders of arrays that are written atomically, also by simultaneous processes
column_readers      Documents of tables: the column `text` of Parquet and Arrow files, some rows at a time
demo_text           Text for `mixlaw recommend --demo`, found in every installation of mixlaw
files               Files behind paths: single files, globs, folders and saved data sets; local or at an address
                    that is allowed
readers             Documents of files, one at a time: text, JSON lines, Parquet, Arrow
shards              Tokenized text on disk: one folder per source, with tokens, an index of documents, and a hash
tokenizer           From text to tokens: bytes, or a tokenizer of the `tokenizers` library in its JSON file
tokenizer_training  Byte-level BPE tokenizers, trained by the `tokenizers` library on an equal sample of every source
unpacking           Unpacked content of `.gz` and `.zst` files, in bounded memory; a file that was cut off is an error
"""
