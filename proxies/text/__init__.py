"""From files to documents to tokens.

atomic_folders      Folders of arrays that are there whole or not at all, whoever is killed or writes beside
column_readers      Documents of tables: the column `text` of Parquet and Arrow files, some rows at a time
demo_text           Text for `mixlaw recommend --demo`: what every installation of mixlaw holds, nothing downloaded
files               Files behind paths: single files, globs, folders and saved data sets; local or at any address
                    that fsspec opens
readers             Documents of files, one at a time: text, JSON lines, Parquet, Arrow; never a whole file in memory
shards              Tokenized text on disk: one folder a source, with its tokens, an index of its documents, and a
                    hash of its content
tokenizer           From text to tokens: bytes, or a tokenizer of the `tokenizers` library in its JSON file
tokenizer_training  A tokenizer of one's own: byte-level BPE, trained by the `tokenizers` library on an equal sample
                    of every source
"""
